"""creditloop promote."""

from contextlib import closing
from typing import Literal
from uuid import UUID

from rich.table import Table

from configs.settings import Settings, load_settings
from credit.package import VERSION_DIGITS
from flows.commands.console import print_json, stderr, stdout
from flows.commands.errors import UsageError
from flows.commands.followers import follow
from flows.commands.rows import plain_deployment, plain_promotion
from flows.commands.secret import read_token
from services.keys import authenticate
from services.ledger import ApiKey, Deployment, Ledger, Promotion, open_ledger
from services.promoting import decide, waiting

# A promotion as decided, the deployment that followed, and a note for each that could not follow.
Decided = tuple[Promotion, Deployment | None, list[str]]


def run(promotion: str | None, why: str | None, reject: bool, json: bool) -> None:
    """List what waits, or decide on one of them."""
    settings = load_settings()
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        if promotion is None:
            _list(waiting(ledger.promotions()), json)
        else:
            found, reason = _find(ledger, promotion), _reason(why)
            key = authenticate(ledger, read_token(), "approve")
            decision: Literal["approve", "reject"] = "reject" if reject else "approve"
            report(*decide_on(found, decision, key, reason, ledger, settings), json)


def decide_on(
    promotion: Promotion,
    decision: Literal["approve", "reject"],
    key: ApiKey,
    why: str,
    ledger: Ledger,
    settings: Settings,
) -> Decided:
    """Put a waiting package in production or keep it out; MLflow and a suspended run follow."""
    waited = waiting(ledger.promotions(promotion.dataset))
    deployment = decide(promotion, decision, key, why, ledger, settings)
    notes = follow(ledger, promotion.dataset, waited, settings)
    return _decided(promotion, ledger), deployment, notes


def _decided(promotion: Promotion, ledger: Ledger) -> Promotion:
    return next(p for p in ledger.promotions(promotion.dataset) if p.id == promotion.id)


def _find(ledger: Ledger, promotion: str) -> Promotion:
    """The promotion whose id begins so."""
    found = [each for each in ledger.promotions() if _begins(each.id, promotion)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} promotions have an id that begins with {promotion!r}, expected one; "
            "`creditloop promote` lists those that wait"
        )
    return found[0]


def _begins(promotion_id: UUID, beginning: str) -> bool:
    return bool(beginning) and str(promotion_id).startswith(beginning.lower())


def _reason(why: str | None) -> str:
    if not why or not why.strip():
        raise UsageError('a decision needs its reason; add --why "..."')
    return why.strip()


def report(
    promotion: Promotion, deployment: Deployment | None, notes: list[str], json: bool
) -> None:
    """Say what was decided, and what could not follow."""
    if json:
        print_json(
            {
                "promotion": plain_promotion(promotion),
                "deployment": plain_deployment(deployment) if deployment else None,
                "notes": notes,
            }
        )
        return
    decision = promotion.decision
    outcome = "is in production" if deployment else "was rejected and stays out of production"
    stdout().print(
        f"Version {promotion.digest[:VERSION_DIGITS]} of {promotion.dataset} {outcome}; decided "
        f"by {decision.key_owner}: {decision.reason}",  # type: ignore[union-attr]
        soft_wrap=True,
        markup=False,
    )
    for note in notes:
        stderr().print(f"Note: {note}", soft_wrap=True, markup=False)


def _list(promotions: list[Promotion], json: bool) -> None:
    if json:
        print_json({"waiting": [plain_promotion(each) for each in promotions]})
    elif not promotions:
        stdout().print("Nothing waits for a decision")
    else:
        for each in promotions:
            stdout().print(str(each.id), style="bold")
            stdout().print(_facts(each))


def _facts(promotion: Promotion) -> Table:
    """A line for each fact: side by side they would not fit a terminal."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    facts = {
        "Data set": promotion.dataset,
        "Family": promotion.family,
        "Version": promotion.digest[:VERSION_DIGITS],
        "Asked for by": promotion.requester,
        "Until": f"{promotion.expires_at:%Y-%m-%d %H:%M} UTC",
        "Gates": promotion.verdict["reason"],
    }
    for name, value in facts.items():
        table.add_row(name, value)
    return table
