"""The HTTP application: its routes, its errors, and what runs beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from services.ledger import LedgerError, PromotionError
from services.ledger.errors import NotAllowedError, UnknownDecisionError
from services.ledger.journal import JournalFullError
from services.logs import note
from services.memory import planned_collections
from services.openapi import document
from services.page.routes import add_page
from services.problems import (
    FaultBarrier,
    ProblemError,
    answer_bad_parameters,
    answer_http_error,
    answer_problem,
)
from services.routes import models, monitoring, operations, people, records, retraining, scoring
from services.worker import Worker, stop, worker_of

# What the ledger says of a request that it understood.
REFUSALS = {
    UnknownDecisionError: HTTPStatus.NOT_FOUND,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    PromotionError: HTTPStatus.CONFLICT,
}


def create_app(worker: Worker) -> FastAPI:
    """The application; it serves the newest deployment, from its start on and without a restart."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(worker.open)
        async with planned_collections() as memory:
            watcher = asyncio.create_task(worker.watch(memory))
            yield
            await stop(watcher)
        worker.close()

    app = FastAPI(title="Creditloop", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.worker = worker

    def openapi() -> dict[str, Any]:
        return document(app, worker.current.model, worker.settings.serving.most_rows)

    app.openapi = openapi  # type: ignore[method-assign]
    _add_handlers(app)
    app.add_middleware(FaultBarrier)
    # Not by `include_router`, which would look for each request's route in two steps.
    for part in (scoring, people, records, models, retraining, monitoring, operations):
        app.router.routes.extend(part.router.routes)
    add_page(app)
    app.router.routes.extend(operations.unknown.routes)
    return app


def _add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, answer_problem)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_bad_parameters)
    app.add_exception_handler(JournalFullError, _answer_not_stored)
    app.add_exception_handler(LedgerError, _answer_not_stored)
    for kind in REFUSALS:
        app.add_exception_handler(kind, _answer_refusal)


async def _answer_not_stored(request: Request, error: Exception) -> Response:
    note(request.scope, problem=str(error))
    return worker_of(request).not_stored(error).response()


async def _answer_refusal(_request: Request, error: Exception) -> Response:
    status = next(status for kind, status in REFUSALS.items() if isinstance(error, kind))
    return ProblemError(status, str(error)).response()
