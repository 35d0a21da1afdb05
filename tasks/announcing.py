"""Telling people what became of a retrain request: in Prefect's UI, as an event, by message."""

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from configs.settings import Settings
from services.ledger.retraining import RetrainRequest
from services.retraining import plain_request
from tasks.assembling import LIMITS
from tasks.monitoring.notifying import Message, NotificationError, notify
from tasks.monitoring.publishing import RESOURCE

EVENT = "creditloop.retraining.moved"


@task(name="announce retraining", cache_policy=NO_CACHE)
def announce(request: RetrainRequest, settings: Settings) -> None:
    """Say where a request stands; who cannot be told stops nothing."""
    told = message(request)
    create_markdown_artifact(
        "\n".join([f"**{told.title}**", "", *(f"- {line}" for line in told.lines), "", LIMITS]),
        key=f"{request.dataset}-retraining",
        description="The newest retraining: who asked for it and why, and what became of it",
    )
    emit_event(
        EVENT,
        resource={
            "prefect.resource.id": f"{RESOURCE}.{request.dataset}",
            "prefect.resource.name": request.dataset,
            "creditloop.state": request.state,
            "creditloop.outcome": (request.last and request.last.outcome) or "",
        },
        payload=told.facts,
    )
    for url in settings.monitoring.notify:
        try:
            notify.fn(told, url)
        except NotificationError as error:
            get_run_logger().error("%s", error)


def message(request: RetrainRequest) -> Message:
    """What people are told of a request."""
    last = request.last
    state = (last and last.outcome) or request.state
    lines = [
        f"asked for by {request.requester} ({request.trigger}): {request.reason}",
        *([last.note] if last and last.note else []),
    ]
    return Message(
        title=f"{request.dataset}: the retraining is {state}",
        lines=tuple(lines),
        facts={"event": EVENT, **plain_request(request)},
    )
