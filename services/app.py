"""The HTTP routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import lru_cache, partial
from http import HTTPStatus
from importlib import resources
from time import perf_counter
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from credit.policy import Decision
from services.deciding import Application, Desk
from services.ledger.journal import Journal
from services.memory import MemoryPlan, planned_collections
from services.model import CurrentModel, ServedModel
from services.page.routes import add_page
from services.problems import (
    MEDIA_TYPE,
    FaultBarrier,
    ProblemError,
    answer_http_error,
    answer_problem,
)
from services.shadow import Shadow
from services.telemetry import METHODS, Measured, Telemetry

LARGEST_BODY = 1 << 20
WATCH_SECONDS = 2
PREDICT = "/api/predict"
SWAGGER_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


class Model(BaseModel):
    """The model that answered."""

    dataset: str
    family: str
    version: str = Field(description="The first digits of the digest.")
    digest: str = Field(description="sha256 of the package's manifest: its identity.")


class Health(BaseModel):
    """The service is up and has a model."""

    status: str
    model: Model


class GivenReason(BaseModel):
    """Why an application was not approved: a hard rule that spoke, or a factor that hurt."""

    text: str
    rule: str | None = None
    features: list[str] = []
    contribution: float | None = None
    holds: bool | None = None


class Prediction(BaseModel):
    """One decision, as it is stored."""

    id: str = Field(description="UUIDv7 of the decision.")
    application_id: str | None
    decided_at: datetime
    decision: Decision
    score: int = Field(description="Scorecard points; more are better.")
    probability_of_default: float = Field(ge=0, le=1, description="Calibrated, rounded to 1e-6.")
    reasons: list[GivenReason]
    model: Model


class FieldProblem(BaseModel):
    """One bad field."""

    field: str
    got: str
    expected: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


def _problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(s): {"description": s.phrase, "content": content} for s in statuses}


def create_app(current: CurrentModel) -> FastAPI:
    """The application; it serves the newest deployment, from its start on and without a restart."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.telemetry = Telemetry()
        await _refresh(app)
        settings, ledger = current.open()
        journal = Journal(ledger.engine, settings.serving.most_waiting)
        window = timedelta(hours=settings.serving.repeat_hours)
        shadow = Shadow(ledger, lambda: current.challenger)
        app.state.desk = Desk(current, ledger, journal, window, shadow.offer)
        async with planned_collections() as memory:
            watcher = asyncio.create_task(_watch(app, memory))
            yield
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
        journal.close()
        shadow.close()
        current.close()

    app = FastAPI(title="Creditloop", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.current = current
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]
    app.add_exception_handler(ProblemError, answer_problem)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_middleware(FaultBarrier)
    app.add_middleware(Measured)
    app.add_api_route(
        PREDICT,
        predict,
        methods=["POST"],
        response_model=Prediction,
        responses=_problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    app.add_api_route(
        "/health",
        health,
        response_model=Health,
        responses=_problems(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    app.add_api_route("/metrics", metrics, include_in_schema=False)
    add_page(app)
    app.add_api_route("/docs", docs, include_in_schema=False)
    app.add_api_route("/docs/{file}", docs_file, include_in_schema=False)
    app.add_api_route(
        "/{unknown:path}", no_such_route, methods=sorted(METHODS), include_in_schema=False
    )
    return app


async def _watch(app: FastAPI, memory: MemoryPlan) -> None:
    """Each worker looks for itself: nobody else could tell it."""
    current: CurrentModel = app.state.current
    while True:
        served = current.model
        await asyncio.sleep(WATCH_SECONDS)
        await _refresh(app)
        if current.model is not served:
            served = None
            memory.settle()


async def _refresh(app: FastAPI) -> None:
    """In a thread, so that requests go on being answered while a model is read and warmed up."""
    current: CurrentModel = app.state.current
    await asyncio.to_thread(current.refresh)
    if current.model:
        app.state.telemetry.serving(current.model.identity)


async def predict(request: Request) -> Response:
    """Decide on one application."""
    model = _model(request)
    fields, application_id = model.reader.read(await _json(request))
    started = perf_counter()
    (decided,) = await request.app.state.desk.decide(model, [Application(fields, application_id)])
    request.app.state.telemetry.predicted(model.version, perf_counter() - started)
    return _answer(decided.answer)


async def health(request: Request) -> Response:
    """Which model serves."""
    return _answer({"status": "ok", "model": _model(request).identity})


def metrics(request: Request) -> Response:
    """Prometheus metrics of all workers; read in a thread, for there may be many files."""
    return Response(request.app.state.telemetry.render(), media_type=CONTENT_TYPE_LATEST)


async def docs() -> HTMLResponse:
    """The OpenAPI page, from files that the service brings along."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Creditloop",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon-32x32.png",
    )


def docs_file(file: str) -> Response:
    """One of the files of the OpenAPI page."""
    if file not in SWAGGER_FILES:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"/docs has no such file; expected {', '.join(SWAGGER_FILES)}"
        )
    content = resources.files("fastapi_swagger.resources").joinpath(file).read_bytes()
    return Response(
        content, media_type=SWAGGER_FILES[file], headers={"Cache-Control": "max-age=86400"}
    )


async def no_such_route(request: Request) -> Response:
    """404, or 405 where another method would do."""
    allowed = {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods
    }
    if allowed:
        methods = ", ".join(sorted(allowed))
        raise ProblemError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"use {methods} here", headers={"Allow": methods}
        )
    raise ProblemError(HTTPStatus.NOT_FOUND, "there is nothing here; /docs lists the routes")


def _model(request: Request) -> ServedModel:
    current: CurrentModel = request.app.state.current
    if current.model is None:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, current.problem, kind="no-model")
    return current.model


def _answer(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


async def _json(request: Request) -> object:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # Browsers send forms of other sites without asking, but not JSON.
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type is {kind[:100] or 'missing'}, expected application/json",
        )
    try:
        return orjson.loads(await _body(request))
    except orjson.JSONDecodeError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error.msg} at {error.pos}"
        ) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is over {LARGEST_BODY} bytes; send less",
            )
    return bytes(body)


def _openapi(app: FastAPI) -> dict[str, Any]:
    return _document(app, app.state.current.model)


@lru_cache(maxsize=1)
def _document(app: FastAPI, model: ServedModel | None) -> dict[str, Any]:
    """The OpenAPI document of the model that serves; another model makes another one."""
    document = get_openapi(
        title=app.title,
        version=model.version if model else "none",
        description="Scores credit applications. "
        + (_served(model) if model else "No model is loaded."),
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    schemas["Problem"] = _with_definitions(Problem, schemas)
    body: dict[str, Any] = {"type": "object"}
    if model:
        schemas["Application"] = _with_definitions(model.reader.model, schemas)
        body = {"$ref": "#/components/schemas/Application"}
    document["paths"][PREDICT]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": body}},
    }
    return document


def _served(model: ServedModel) -> str:
    return "Model: {family} on {dataset}, version {version}.".format(**model.identity)


def _with_definitions(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a model; what it refers to is added to `schemas`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema
