"""What the serving benchmark starts beside each other, each as a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks.benchmark import BenchmarkError
from configs.settings import ROOT, Settings
from services.serve import LOOPBACK, bentoml_serve, free_port, service_environment

START_SECONDS = 120
STOP_SECONDS = 30
BATCH_ROWS = 1000


@dataclass(frozen=True)
class Side:
    """One way to serve.

    command: what `python -m` runs, for a port.
    single, batch: the bodies that it takes; batch is empty where it takes none.
    """

    name: str
    title: str
    command: Callable[[int], Sequence[str]]
    single: Sequence[bytes]
    batch: Sequence[bytes] = ()
    path: str = "/api/predict"
    batch_path: str = "/api/predict/batch"
    ready: str = "/readyz"
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A side that is up."""

    side: Side
    port: int
    process: psutil.Process
    ready_seconds: float

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def cpu_seconds(self) -> float:
        """What its processes have used of processors until now."""
        times = [each.cpu_times() for each in self._everyone()]
        return sum(each.user + each.system for each in times)

    def memory(self) -> dict[str, float]:
        """Megabytes of its largest process, which is the worker; PSS where the system tells it."""
        worker = max(
            (each.memory_full_info() for each in self._everyone()), key=lambda info: info.rss
        )
        return {
            "rss_megabytes": round(worker.rss / 1e6),
            "pss_megabytes": round(getattr(worker, "pss", worker.rss) / 1e6),
        }

    def _everyone(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def service(name: str, title: str, settings: Settings, token: str, rows: Sequence[object]) -> Side:
    """The service as `creditloop serve` runs it, with its ledger and with keys."""
    environment = service_environment(settings, settings.home)
    environment["CREDITLOOP_SERVING__REASONS"] = str(settings.serving.reasons).lower()
    return Side(
        name,
        title,
        partial(bentoml_serve, LOOPBACK),
        _bodies(rows),
        [_json({"applications": part}) for part in _parts(_wrapped(rows))],
        environment=environment,
        headers={"Authorization": f"Bearer {token}"},
    )


def noop(name: str, title: str, endpoint: str, rows: Sequence[object]) -> Side:
    """A BentoML service that does nothing."""

    def command(port: int) -> list[str]:
        where = ["--working-dir", str(ROOT), *_at(port)]
        return ["bentoml", "serve", "--quiet", f"benchmarks.noop:{endpoint}", *where]

    return Side(name, title, command, _bodies(rows))


def fastapi(name: str, title: str, model: Path, rows: Sequence[object]) -> Side:
    """FastAPI, joblib and pandas."""

    def command(port: int) -> list[str]:
        quiet = ["--no-access-log", "--log-level", "warning"]
        return ["uvicorn", "benchmarks.fastapi_joblib:app", *_at(port), *quiet]

    return Side(
        name,
        title,
        command,
        _bodies(rows),
        [_json({"applications": part}) for part in _parts(_wrapped(rows))],
        ready="/ready",
        environment={"BENCHMARK_MODEL": str(model)},
    )


def mlflow(name: str, title: str, model: Path, rows: Sequence[object]) -> Side:
    """`mlflow models serve`."""

    def command(port: int) -> list[str]:
        alone = ["--workers", "1", "--env-manager", "local"]
        return ["mlflow", "models", "serve", "--model-uri", str(model), *_at(port), *alone]

    return Side(
        name,
        title,
        command,
        [_json({"dataframe_records": [row]}) for row in rows],
        [_json({"dataframe_records": part}) for part in _parts(rows)],
        path="/invocations",
        batch_path="/invocations",
        ready="/ping",
    )


@contextmanager
def running(side: Side, folder: Path) -> Iterator[Running]:
    """Start a side, and stop it afterwards.

    Raises:
        BenchmarkError: it did not get ready.
    """
    port = free_port()
    home = folder / side.name
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **side.environment, "PYTHONPATH": str(ROOT)}
    environment |= {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    # MLflow starts uvicorn by its name.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    started = time.monotonic()
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *side.command(port)],
            cwd=home,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        family = psutil.Process(process.pid)
        try:
            _wait_until_ready(process, f"http://{LOOPBACK}:{port}{side.ready}", home / "log")
            yield Running(side, port, family, time.monotonic() - started)
        finally:
            _stop(process, family)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise BenchmarkError(f"{url} did not get ready; see {log}")


def _stop(process: subprocess.Popen[bytes], family: psutil.Process) -> None:
    everyone = family.children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    _, alive = psutil.wait_procs(everyone, timeout=STOP_SECONDS)
    for each in alive:
        each.kill()


def _at(port: int) -> list[str]:
    return ["--host", LOOPBACK, "--port", str(port)]


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _wrapped(rows: Sequence[object]) -> list[object]:
    return [{"features": row} for row in rows]


def _bodies(rows: Sequence[object]) -> list[bytes]:
    return [_json(body) for body in _wrapped(rows)]


def _parts(rows: Sequence[object]) -> list[Sequence[object]]:
    return [rows[start : start + BATCH_ROWS] for start in range(0, len(rows), BATCH_ROWS)]
