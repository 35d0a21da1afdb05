"""Prometheus metrics of the service, summed over its workers."""

import os
from collections.abc import Mapping
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The methods that get a series of their own; clients can send any word.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PREDICTION_SECONDS = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.05, 0.25)


class Telemetry:
    """The metrics. Every worker has its own; under BentoML they share files, and any can render.

    Not built at import: the files are opened when a metric is made.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        request = ("route", "method", "status")
        self._requests = Counter(
            "http_requests_total", "Requests answered.", request, registry=self._registry
        )
        self._request_seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request's head to the last byte of the answer.",
            request,
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )
        self._predictions = Counter(
            "predictions_total", "Applications scored.", ("version",), registry=self._registry
        )
        self._prediction_seconds = Histogram(
            "prediction_duration_seconds",
            "Time to score one application whose fields are checked.",
            buckets=PREDICTION_SECONDS,
            registry=self._registry,
        )
        self._model_info = Gauge(
            "model_info",
            "1 for the model that serves, 0 for one that did.",
            ("dataset", "family", "version"),
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._served: tuple[str, str, str] | None = None
        self._series: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    def requested(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template, never the path as sent."""
        key = (route, method if method in METHODS else "other", str(status))
        series = self._series.get(key)
        if series is None:
            series = self._requests.labels(*key), self._request_seconds.labels(*key)
            self._series[key] = series
        counter, histogram = series
        counter.inc()
        histogram.observe(seconds)

    def predicted(self, version: str, seconds: float) -> None:
        """Count one scored application."""
        self._predictions.labels(version).inc()
        self._prediction_seconds.observe(seconds)

    def serving(self, identity: Mapping[str, str]) -> None:
        """Say which model serves."""
        model = identity["dataset"], identity["family"], identity["version"]
        if self._served and self._served != model:
            # Series that workers share cannot be removed.
            self._model_info.labels(*self._served).set(0)
        self._model_info.labels(*model).set(1)
        self._served = model

    def render(self) -> bytes:
        """All metrics in Prometheus's text format, of all workers where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class Measured:
    """ASGI middleware that counts and times every request by its route's template."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 499  # the client left before it was answered
        started = perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            telemetry: Telemetry = scope["app"].state.telemetry
            route = getattr(scope.get("route"), "path", "other")
            telemetry.requested(route, scope["method"], status, perf_counter() - started)
