"""Asking for a retraining, and having a run take it up."""

from datetime import datetime, timedelta

from configs.settings import Settings
from credit.triggers import due
from services.ledger import Ledger
from services.ledger.retraining import (
    CooldownError,
    NewRequest,
    RetrainRequest,
    ask,
    memory,
)
from services.runs import Prefect, Run, RunError

DEPLOYMENT = "retraining/retraining"
# So many runs may end without an end of the request, by crashes; then it has failed.
MOST_RUNS = 3
# A run that says for so long that it runs, and has not taken the request up, has no process.
START_TIME = timedelta(minutes=10)
OVER = frozenset({"COMPLETED", "FAILED", "CRASHED"})


def consider(
    ledger: Ledger, dataset: str, settings: Settings, now: datetime, requester: str = "drift check"
) -> RetrainRequest | None:
    """Ask for a retraining if a trigger holds; a check that is done again asks no second time.

    Returns:
        The request; None when no trigger holds, or the last retraining is too fresh.

    Raises:
        LedgerError: the ledger cannot be read, or the request not be stored.
    """
    triggers = due(now, memory(ledger, dataset, now), settings.retraining)
    if not triggers:
        return None
    name = triggers[0].name
    wanted = NewRequest(
        dataset=dataset,
        trigger=name,
        reason="; ".join(trigger.reason for trigger in triggers),
        requester=requester,
        idempotency_key=f"{name} at {now.isoformat()}",
    )
    try:
        request, _ = ask(ledger, wanted, now, settings.retraining.cooldown_hours)
    except CooldownError:  # another check was quicker
        return None
    return request


def start_now(request: RetrainRequest) -> str:
    """Have a run take a request up at once, where Prefect is known.

    Returns:
        How it goes on, in a sentence. Nothing is lost where it fails: `dispatch` looks every five
        minutes.
    """
    prefect = Prefect.known()
    if prefect is None:
        return "the next dispatch starts it; PREFECT_API_URL is not set here"
    try:
        run = create_run(prefect, request)
    except RunError as error:
        return f"the next dispatch starts it: {error}"
    return f"run {run.id} takes it up"


def create_run(prefect: Prefect, request: RetrainRequest, now: datetime | None = None) -> Run:
    """The run that takes a request up: a new one only where all before it are over.

    Whoever asks for it, and however often, gets the same run, for its key names the one before.

    Raises:
        RunError: Prefect is out of reach, or has no deployment of the flow.
    """
    parameters = {"request_id": str(request.id), "dataset": request.dataset}
    if now:
        parameters["now"] = now.isoformat()
    key = f"retraining {request.id}"
    run = prefect.create_run(DEPLOYMENT, parameters, key)
    for _ in range(MOST_RUNS):
        if run.state not in OVER:
            break
        key = f"retraining {request.id} after {run.id}"
        run = prefect.create_run(DEPLOYMENT, parameters, key)
    return run


def is_abandoned(run: Run, request: RetrainRequest, now: datetime) -> bool:
    """Whether a run that says it runs has no process, given that nobody is at the request."""
    if run.state != "RUNNING":
        return False
    began = run.began_at or now
    return run.id in request.run_ids or now - began > START_TIME


def shadowed_until(request: RetrainRequest, settings: Settings) -> datetime | None:
    """Until when the model that a request led to is only to score beside the champion."""
    hours = timedelta(hours=settings.retraining.shadow_hours)
    return next((each.at + hours for each in request.events if each.kind == "shadowing"), None)


def plain_request(request: RetrainRequest) -> dict[str, object]:
    """A request as JSON, with its state and what happened to it."""
    last = request.last
    is_closed = last is not None and last.kind == "closed"
    return {
        "id": str(request.id),
        "at": request.at.isoformat(timespec="seconds"),
        "dataset": request.dataset,
        "trigger": request.trigger,
        "reason": request.reason,
        "requester": request.requester,
        "state": request.state,
        "outcome": last.outcome if last and is_closed else None,
        "digest": last.digest if last else None,
        "note": last.note if last else "",
        "events": [
            {
                "at": each.at.isoformat(timespec="seconds"),
                "kind": each.kind,
                "run_id": each.run_id,
                "outcome": each.outcome,
                "digest": each.digest,
                "note": each.note,
            }
            for each in request.events
        ],
    }


def deployed_reason(request: RetrainRequest) -> str:
    """What the history of deployments says of a model that a request led to."""
    return f"retrain request {request.id} ({request.trigger}): {request.reason}"
