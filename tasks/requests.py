"""A retrain request as a run meets it: taken up, settled by what an earlier run did, closed."""

from contextlib import closing
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from credit.package import VERSION_DIGITS
from credit.promotion import Verdict
from credit.triggers import TriggerName
from services.ledger import Candidate, Ledger, Promotion, open_ledger
from services.ledger.challengers import challenge, current_challenger, stop_challenger
from services.ledger.retraining import (
    NewRequest,
    Outcome,
    RetrainRequest,
    ask,
    close,
    find_request,
    note,
    start,
)
from services.retraining import consider, deployed_reason
from tasks.circumstances import requester, run_id
from tasks.promotion import PromotionResult, api_url, state_text

OUTCOMES: dict[str, Outcome] = {
    "approved": "promoted",
    "unchanged": "unchanged",
    "refused": "refused",
    "rejected": "rejected",
    "lapsed": "lapsed",
}


def take_up(
    ledger: Ledger,
    dataset: str,
    request_id: UUID | None,
    trigger: TriggerName,
    why: str,
    settings: Settings,
    now: datetime,
) -> RetrainRequest:
    """The request that this run is for; one that is open is taken up by it.

    Without an id the run itself asks, or takes what is open. A run that is tried again, or resumed,
    finds the request that it asked for.

    Raises:
        CooldownError: the run asks by itself, for no person, and the last request is too fresh.
        LedgerError: there is no such request, or the ledger is out of reach.
    """
    if request_id is None:
        wanted = NewRequest(dataset, trigger, why, requester(), f"run {run_id()}")
        request, _ = ask(ledger, wanted, now, settings.retraining.cooldown_hours)
    else:
        found = find_request(ledger, request_id)
        if found is None or not found.is_open:
            return found or start(ledger, request_id, run_id(), now)
        request = found
    return start(ledger, request.id, run_id(), now) if request.is_open else request


def promotion_of(ledger: Ledger, request: RetrainRequest) -> Promotion | None:
    """What one of the request's runs asked for, if one did before it ended or was killed."""
    found = map(ledger.promotion_of_run, request.run_ids)
    return next((promotion for promotion in found if promotion), None)


def settle(
    ledger: Ledger, request: RetrainRequest, result: PromotionResult, now: datetime
) -> RetrainRequest:
    """Put on the request what became of its model: it waits for a person, or that is its end."""
    words = f"version {result.digest[:VERSION_DIGITS]} {state_text(result)}"
    if result.state == "waiting":
        return note(ledger, request.id, "waiting", result.digest, words, now)
    return end(ledger, request, OUTCOMES[result.state], words, now, result.digest)


def end(
    ledger: Ledger,
    request: RetrainRequest,
    outcome: Outcome,
    words: str,
    now: datetime,
    digest: str | None = None,
) -> RetrainRequest:
    """Close a request, and say so in the log."""
    closed = close(ledger, request.id, outcome, words, now, digest)
    get_run_logger().info("retrain request %s: %s, %s", request.id, outcome, words)
    return closed


def asked_by(candidate: Candidate, request: RetrainRequest) -> Candidate:
    """The candidate as this run asks for it, in the name of who asked for the retraining."""
    return replace(
        candidate,
        run_id=run_id(),
        requester=request.requester,
        reason=deployed_reason(request),
        api_url=api_url(),
    )


def put_in_shadow(
    ledger: Ledger,
    request: RetrainRequest,
    candidate: Candidate,
    verdict: Verdict,
    now: datetime,
) -> RetrainRequest:
    """Let a model that passed the gates score beside the champion first.

    What it takes to ask for production later is kept with the request.
    """
    reason = deployed_reason(request)
    newest = current_challenger(ledger, candidate.dataset)
    if newest is None or newest.digest != candidate.digest:
        model = (candidate.dataset, candidate.digest, candidate.uri, candidate.family)
        challenge(ledger, *model, candidate.requester, reason)
    detail = {"candidate": asdict(candidate), "verdict": verdict.model_dump(mode="json")}
    words = f"version {candidate.digest[:VERSION_DIGITS]} scores beside the champion"
    return note(ledger, request.id, "shadowing", candidate.digest, words, now, detail)


def from_shadow(request: RetrainRequest, detail: dict[str, Any]) -> tuple[Candidate, Verdict]:
    """The model that was in the shadow, as it asks for production now."""
    candidate = Candidate(**detail["candidate"])
    return asked_by(candidate, request), Verdict.model_validate(detail["verdict"])


def leave_shadow(ledger: Ledger, candidate: Candidate, requester: str, why: str) -> None:
    """The model does not score beside the champion any more."""
    newest = current_challenger(ledger, candidate.dataset)
    if newest and newest.digest == candidate.digest:
        stop_challenger(ledger, candidate.dataset, requester, why)


@task(name="consider retraining", cache_policy=NO_CACHE)
def consider_retraining(dataset: str, settings: Settings, now: datetime) -> UUID | None:
    """Ask for a retraining if a trigger holds; the next dispatch has a run take it up."""
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        request = consider(ledger, dataset, settings, now)
    if request:
        get_run_logger().warning("retrain request %s: %s", request.id, request.reason)
    return request.id if request else None
