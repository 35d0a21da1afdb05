"""What operators and machines ask: health, metrics, and the page of the API."""

from http import HTTPStatus
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.routing import Match, Route

from services import contract
from services.bodies import answer
from services.problems import ProblemError, unavailable
from services.reported import Reported
from services.routes.documented import GUARDED, problems, routes
from services.telemetry import METHODS
from services.worker import worker_of

router = routes("operations")
unknown = APIRouter(include_in_schema=False)

SWAGGER_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
START = "start.js"
PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Creditloop: the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/{START}"></script>
</body>
</html>
"""
START_SCRIPT = b"""SwaggerUIBundle({
  url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null,
});
"""


@router.get(
    "/health",
    response_model=contract.Health,
    responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
)
async def health(request: Request) -> Response:
    """Which model serves; 503 while there is none, or nothing can be stored."""
    worker = worker_of(request)
    model = worker.model
    if worker.problem:
        raise unavailable(worker.problem, kind="ledger")
    return answer({"status": "ok", "model": model.identity})


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "Prometheus's text format.",
        },
        **problems(*GUARDED),
    },
)
def metrics(request: Request) -> Response:
    """Prometheus metrics of all workers; read in a thread, for there may be many files."""
    worker = worker_of(request)
    reported = Reported(worker.ledger, worker.settings.dataset)
    return Response(worker.telemetry.render() + reported.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    """The OpenAPI page, from files that the service brings along."""
    return HTMLResponse(PAGE)


@router.get("/docs/{file}", include_in_schema=False)
def docs_file(file: str) -> Response:
    """One of the files of the OpenAPI page."""
    if file == START:
        return _kept(START_SCRIPT, "text/javascript")
    if file not in SWAGGER_FILES:
        expected = ", ".join((START, *SWAGGER_FILES))
        raise ProblemError(HTTPStatus.NOT_FOUND, f"/docs has no such file; expected {expected}")
    content = resources.files("fastapi_swagger.resources").joinpath(file).read_bytes()
    return _kept(content, SWAGGER_FILES[file])


def _kept(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": "max-age=86400"})


@unknown.api_route("/{unknown:path}", methods=sorted(METHODS))
async def no_such_route(request: Request) -> Response:
    """404, or 405 where another method would do."""
    allowed = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods or ()
    }
    if allowed:
        methods = ", ".join(sorted(allowed))
        raise ProblemError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"use {methods} here", headers={"Allow": methods}
        )
    raise ProblemError(HTTPStatus.NOT_FOUND, "there is nothing here; /docs lists the routes")
