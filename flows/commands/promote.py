"""creditloop promote."""

from uuid import UUID

from rich.table import Table

from configs.settings import Settings, load_settings
from flows.commands.console import print_json, stderr, stdout
from flows.commands.errors import UsageError
from flows.commands.followers import follow
from flows.commands.rows import plain_deployment, plain_promotion, waiting
from flows.commands.secret import read_token
from services.keys import authenticate
from services.ledger import ApiKey, Deployment, Ledger, Promotion, open_ledger
from services.model import VERSION_DIGITS
from services.packages import read_package


def run(promotion: str | None, why: str | None, reject: bool, json: bool) -> None:
    """List what waits, or decide on one of them."""
    settings = load_settings()
    ledger = open_ledger(settings.ledger_uri)
    try:
        if promotion is None:
            _list(waiting(ledger.promotions()), json)
        else:
            _decide(_find(ledger, promotion), _reason(why), reject, json, ledger, settings)
    finally:
        ledger.close()


def _decide(
    promotion: Promotion, why: str, reject: bool, json: bool, ledger: Ledger, settings: Settings
) -> None:
    key = authenticate(ledger, read_token(), "approve")
    waited = waiting(ledger.promotions(promotion.dataset))
    deployment = None
    if reject:
        ledger.reject(promotion.id, key, why)
    else:
        deployment = _approve(promotion, key, why, ledger, settings)
    notes = follow(ledger, promotion.dataset, waited, settings)
    decided = next(p for p in ledger.promotions(promotion.dataset) if p.id == promotion.id)
    _report(decided, deployment, notes, json)


def _approve(
    promotion: Promotion, key: ApiKey, why: str, ledger: Ledger, settings: Settings
) -> Deployment:
    # What does not verify could not be served, and is better found out before.
    read_package(settings.home / promotion.uri, promotion.digest)
    return ledger.approve(promotion.id, key, why, settings.promotion.requester_may_approve)


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


def _report(
    promotion: Promotion, deployment: Deployment | None, notes: list[str], json: bool
) -> None:
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
        stdout().print(_table(promotions))


def _table(promotions: list[Promotion]) -> Table:
    table = Table(
        "Promotion", "Data set", "Family", "Version", "Asked for by", "Until (UTC)", "Gates"
    )
    for each in promotions:
        table.add_row(
            str(each.id),
            each.dataset,
            each.family,
            each.digest[:VERSION_DIGITS],
            each.requester,
            f"{each.expires_at:%Y-%m-%d %H:%M}",
            each.verdict["reason"],
        )
    table.columns[0].no_wrap = True
    return table
