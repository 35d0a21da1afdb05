"""What monitoring found, and drift on demand."""

from datetime import UTC, datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from services import contract
from services.bodies import LARGEST_BODY, answer, read_json
from services.logs import note
from services.monitoring import status
from services.routes.documented import BODY, GUARDED, body, problems, routes
from services.worker import worker_of

router = routes("monitoring")


@router.post(
    "/api/monitoring/drift",
    response_model=contract.DriftJudged,
    responses=problems(*BODY, *GUARDED),
    openapi_extra=body("DriftAsked"),
)
async def drift(request: Request) -> Response:
    """How far applications have moved from the model's reference, or from others that are sent.

    They are scored for it, and nothing is stored.
    """
    worker = worker_of(request)
    model = worker.model
    desk = await run_in_threadpool(lambda: worker.drift_desk)
    content = await read_json(request, LARGEST_BODY + desk.largest_body)
    judged = await desk.judge(model, content)
    note(request.scope, rows=judged["drift"]["rows"], version=model.version)
    return answer(judged)


@router.get(
    "/api/monitoring/status",
    response_model=contract.MonitoringStatus,
    responses=problems(*GUARDED),
)
def monitoring_status(request: Request) -> Response:
    """The newest drift, performance and fairness of the data set, and what wants a look."""
    worker = worker_of(request)
    return answer(status(worker.ledger, worker.settings, datetime.now(UTC)))
