"""Asking for a retraining, and what became of it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from services import contract
from services.bodies import answer, read_as
from services.guard import caller
from services.idempotency import asked_key
from services.ledger.retraining import NewRequest, ask, find_request
from services.people import user
from services.problems import ProblemError, not_found
from services.retraining import plain_request, start_now
from services.routes.documented import BODY, GUARDED, IDEMPOTENCY_KEY, body, problems, routes
from services.worker import Worker, worker_of

router = routes("models")


@router.post(
    "/api/retrain",
    status_code=HTTPStatus.ACCEPTED,
    response_model=contract.RetrainAnswer,
    responses=problems(HTTPStatus.CONFLICT, *BODY, *GUARDED),
    openapi_extra={"parameters": [IDEMPOTENCY_KEY], **body("RetrainAsked")},
)
async def retrain(request: Request) -> Response:
    """Ask for the model to be trained again; one retraining at a time.

    While one is asked for and not done, asking again gives that one.
    """
    words = asked_key(request)
    asked = await read_as(request, contract.RetrainAsked)
    key = caller(request)
    requester = key.owner if key else user()
    given = f"{key.id if key else ''}:{words or uuid4()}"
    worker = worker_of(request)
    plain = await run_in_threadpool(_ask, worker, asked.reason, requester, given)
    response = answer(plain)
    response.status_code = HTTPStatus.ACCEPTED
    return response


@router.get(
    "/api/retrain/{request_id}",
    response_model=contract.RetrainRequest,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, *GUARDED),
)
def retrain_request(request: Request, request_id: UUID) -> Response:
    """Where a retrain request stands, and all that happened to it."""
    found = find_request(worker_of(request).ledger, request_id)
    if found is None:
        raise not_found(f"retrain request {request_id}")
    return answer(plain_request(found))


def _ask(worker: Worker, reason: str, requester: str, key: str) -> dict[str, Any]:
    settings = worker.settings
    wanted = NewRequest(settings.dataset, "manual", reason.strip(), requester, key)
    found, is_new = ask(
        worker.ledger, wanted, datetime.now(UTC), settings.retraining.cooldown_hours
    )
    if found.idempotency_key == key and found.reason != wanted.reason:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"retrain request {found.id} was asked for with another reason under the same "
            "Idempotency-Key; send a new one for a new request",
            kind="other-content",
        )
    goes_on = start_now(found) if found.state == "requested" else f"it is {found.state}"
    return {**plain_request(found), "is_new": is_new, "next": goes_on}
