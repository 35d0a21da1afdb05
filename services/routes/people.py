"""What people ask beside a decision: what if, and the notice of a declined application."""

from http import HTTPStatus
from uuid import UUID

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from credit.package import PackageError
from services.bodies import answer, read_json
from services.contract import WhatIf
from services.ledger.decision_history import decision_history
from services.logs import note
from services.notice import NoNoticeError, declined, notice
from services.page.scale import scale
from services.problems import ProblemError
from services.routes.documented import BODY, GUARDED, body, problems, routes
from services.worker import worker_of

router = routes("people")


@router.post(
    "/api/what-if",
    response_model=WhatIf,
    responses=problems(*BODY, *GUARDED),
    openapi_extra=body("Application"),
)
async def what_if(request: Request) -> Response:
    """What one application would be answered now. It is logged that it was asked, and no more."""
    worker = worker_of(request)
    model = worker.model
    application = model.reader.read(await read_json(request))
    note(request.scope, version=model.version)
    considered = worker.desk.consider(model, application)
    explained = await worker.explainer.explain(model.digest, application.fields)
    return answer(considered | {name: explained[name] for name in ("explanation", "recourse")})


@router.get(
    "/api/decisions/{decision_id}/notice",
    response_class=HTMLResponse,
    responses=problems(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        *GUARDED,
    ),
)
async def adverse_action_notice(decision_id: UUID, request: Request) -> Response:
    """The adverse-action notice of an application that the model, or at last a person, declined."""
    worker = worker_of(request)
    history = await run_in_threadpool(decision_history, worker.ledger, decision_id)
    try:
        told = declined(history)
        policy = await run_in_threadpool(worker.explainer.policy, history.decision.digest)
    except NoNoticeError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
    except PackageError as error:
        raise ProblemError(HTTPStatus.GONE, str(error)) from None
    return HTMLResponse(notice(told, scale(policy), worker.settings.lender))
