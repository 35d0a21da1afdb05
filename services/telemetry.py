"""Prometheus metrics of the service, summed over its workers."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# The methods that get a series of their own; clients can send any word.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PREDICTION_SECONDS = (5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
COMMIT_SECONDS = (1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
COMMIT_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
SHARED_FILES = "PROMETHEUS_MULTIPROC_DIR"
# What the guard of a new champion reads.
MODEL_REQUESTS, MODEL_SWAPS = "model_request_seconds", "model_swaps_total"


class Telemetry:
    """The metrics. Every worker has its own; under BentoML they share files, and any can render.

    Not built at import: the files are opened when a metric is made.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        request = ("route", "method", "status")
        self._requests = Counter(
            "http_requests_total", "Requests answered.", request, registry=registry
        )
        self._request_seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request's head to the last byte of the answer.",
            request,
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "api_errors_total",
            "Requests answered with 4xx or 5xx.",
            ("route", "status"),
            registry=registry,
        )
        self._predictions = Counter(
            "predictions_total",
            "Applications decided on and stored.",
            ("decision", "version"),
            registry=registry,
        )
        self._prediction_seconds = Histogram(
            "prediction_duration_seconds",
            "Time to decide on and store what one request asked for, once its fields are checked.",
            buckets=PREDICTION_SECONDS,
            registry=registry,
        )
        self._commit_rows = Histogram(
            "ledger_commit_rows",
            "Decisions stored by one commit.",
            buckets=COMMIT_ROWS,
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "ledger_commit_duration_seconds",
            "Time of one commit.",
            buckets=COMMIT_SECONDS,
            registry=registry,
        )
        self._queue = Gauge(
            "ledger_queue_depth",
            "Decisions that wait to be stored.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._swaps = Counter(
            MODEL_SWAPS,
            "Models that took over in a worker, and packages that it refused.",
            ("result", "version"),
            registry=registry,
        )
        self._model_requests = Summary(
            MODEL_REQUESTS,
            "Time to answer requests that the model decides, and how many failed with 5xx.",
            ("version", "failed"),
            registry=registry,
        )
        self._unshadowed = Counter(
            "shadow_dropped_total",
            "Applications that the challenger did not score, or whose score was not stored.",
            registry=registry,
        )
        self._model_info = Gauge(
            "model_info",
            "1 for the model that serves, 0 for one that did.",
            ("dataset", "family", "version"),
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._cpu = Counter(
            "process_cpu_seconds_total", "User and system time of all workers.", registry=registry
        )
        self._memory = Gauge(
            "process_resident_memory_bytes",
            "Resident memory of each worker.",
            registry=registry,
            multiprocess_mode="liveall",
        )
        self._process = psutil.Process()
        self._cpu_seconds = 0.0
        self._served: tuple[str, str, str] | None = None
        self._series: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._decisions: dict[tuple[str, str], Counter] = {}
        self._answered: dict[tuple[str, bool], Summary] = {}

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
        if status >= 400:
            self._errors.labels(route, str(status)).inc()

    def answered(self, version: str, failed: bool, seconds: float) -> None:
        """Count one request to the model of a version."""
        series = self._answered.get((version, failed))
        if series is None:
            series = self._model_requests.labels(version, str(failed).lower())
            self._answered[version, failed] = series
        series.observe(seconds)

    def predicted(self, decisions: Iterable[str], version: str, seconds: float) -> None:
        """Count what one request had decided and stored."""
        for decision in decisions:
            key = decision, version
            counter = self._decisions.get(key)
            if counter is None:
                counter = self._decisions[key] = self._predictions.labels(*key)
            counter.inc()
        self._prediction_seconds.observe(seconds)

    def committed(self, rows: int, seconds: float) -> None:
        """Count one commit of decisions."""
        self._commit_rows.observe(rows)
        self._commit_seconds.observe(seconds)

    def swapped(self, result: Literal["served", "refused"], version: str) -> None:
        """Count a model that took over, or a package that was refused."""
        self._swaps.labels(result, version).inc()

    def unshadowed(self, rows: int) -> None:
        """Count applications that the challenger dropped."""
        self._unshadowed.inc(rows)

    def watch(self, identity: Mapping[str, str] | None, waiting: int) -> None:
        """Note what is known only by looking: the model, the queue, and this process.

        Args:
            identity: of the model that serves, if one does.
            waiting: how many decisions wait to be stored.
        """
        if identity:
            self._serves(identity)
        self._queue.set(waiting)
        times = self._process.cpu_times()
        seconds = times.user + times.system
        self._cpu.inc(max(0.0, seconds - self._cpu_seconds))
        self._cpu_seconds = seconds
        self._memory.set(self._process.memory_info().rss)

    def _serves(self, identity: Mapping[str, str]) -> None:
        model = identity["dataset"], identity["family"], identity["version"]
        if self._served and self._served != model:
            # Series that workers share cannot be removed.
            self._model_info.labels(*self._served).set(0)
        self._model_info.labels(*model).set(1)
        self._served = model

    def render(self) -> bytes:
        """All metrics in Prometheus's text format, of all workers where there are several."""
        folder = os.environ.get(SHARED_FILES)
        if not folder:
            return generate_latest(self._registry)
        _forget_the_dead(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of workers that are gone; BentoML starts new ones and tells nobody."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
