"""Counting, timing and logging every request, whoever answers it."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.guard import ROUTE
from services.logs import log_request
from services.worker import Worker

LEFT = 499  # the client did not wait for its answer
UNKNOWN = "other"
# Where the model decides; a request that is wrong says nothing of it.
MODEL_ROUTES = frozenset({"/api/predict", "/api/predict/batch"})


class Observed:
    """ASGI middleware around everything; it names a route by its template, never as it was sent."""

    def __init__(self, app: ASGIApp, worker: Worker):
        self._app = app
        self._worker = worker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = LEFT
        started = perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            route = scope.get(ROUTE) or UNKNOWN
            seconds = perf_counter() - started
            self._worker.telemetry.requested(route, scope["method"], status, seconds)
            model = self._worker.current.model
            if model and route in MODEL_ROUTES and not 400 <= status < 500:
                self._worker.telemetry.answered(model.version, status >= 500, seconds)
            log_request(scope, route, status, seconds)
