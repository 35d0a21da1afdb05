"""Everything that runs all day on one machine, started and stopped in the right order."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from configs.settings import ROOT, Settings
from flows.local.processes import ProcessError, Server
from flows.local.switches import POOL, set_switches
from services.serve import LOOPBACK, bentoml_serve, instance_home, is_free, service_environment

PREFECT_PORT, MLFLOW_PORT = 4200, 5000
START_SECONDS = 120


@dataclass(frozen=True)
class Ports:
    """Where the servers listen."""

    prefect: int
    mlflow: int
    scorer: int


@contextmanager
def running_stack(
    settings: Settings, ports: Ports, report: Callable[[str], None]
) -> Iterator[list[Server]]:
    """Prefect, MLflow, the deployments, a worker and the scorer; stopped in reverse order.

    So the worker ends before the server that it reports to. `report` gets a line for each URL.

    Raises:
        ProcessError: a port is taken, or a server does not start.
    """
    _refuse_taken(ports)
    environment, logs = _environment(settings, ports), settings.home / "logs"
    with ExitStack() as running:

        def start(server: Server) -> Server:
            running.callback(server.stop)
            return server

        prefect = start(_prefect(ports.prefect, logs, environment))
        mlflow = start(_mlflow(settings, ports.mlflow, logs))
        prefect.wait_until_up(START_SECONDS)
        report(f"Prefect  http://{LOOPBACK}:{ports.prefect}")
        _deploy(environment, logs / "deploy.log")
        set_switches(settings, environment["PREFECT_API_URL"])
        worker = start(_worker(logs, environment))
        scorer = start(_scorer(settings, ports.scorer, logs, environment["PREFECT_API_URL"]))
        mlflow.wait_until_up(START_SECONDS)
        report(f"MLflow   http://{LOOPBACK}:{ports.mlflow}")
        scorer.wait_until_up(START_SECONDS)
        report(f"Scorer   http://{LOOPBACK}:{ports.scorer}, {_state(ports.scorer)}")
        yield [prefect, mlflow, worker, scorer]


def _environment(settings: Settings, ports: Ports) -> dict[str, str]:
    """What flows need to know in a worker."""
    return {
        "CREDITLOOP_HOME": str(settings.home),
        "CREDITLOOP_TRACKING_URL": settings.tracking_url or f"http://{LOOPBACK}:{ports.mlflow}",
        "PREFECT_API_URL": f"http://{LOOPBACK}:{ports.prefect}/api",
        "CREDITLOOP_SERVING__PORT": str(ports.scorer),
    }


def _prefect(port: int, logs: Path, environment: Mapping[str, str]) -> Server:
    return Server.start(
        "prefect",
        ["prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)],
        logs / "prefect.log",
        f"http://{LOOPBACK}:{port}/api/health",
        # Its own API URL would make the server's command line ask itself, but its pages need it:
        # they would ask port 4200 whatever the port.
        {
            **environment,
            "PREFECT_API_URL": "",
            "PREFECT_SERVER_UI_API_URL": environment["PREFECT_API_URL"],
        },
    )


def _deploy(environment: Mapping[str, str], log: Path) -> None:
    """Create the pool and register the deployments of prefect.yaml."""
    for command in (
        ["work-pool", "create", POOL, "--type", "process", "--overwrite"],
        ["--no-prompt", "deploy", "--all"],
    ):
        with log.open("ab") as output:
            done = subprocess.run(
                [sys.executable, "-m", "prefect", *command],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise ProcessError(f"`prefect {' '.join(command)}` failed; see {log}")


def _worker(logs: Path, environment: Mapping[str, str]) -> Server:
    command = ["prefect", "worker", "start", "--pool", POOL]
    faster = {"PREFECT_WORKER_QUERY_SECONDS": "2"}
    return Server.start("worker", command, logs / "worker.log", "", {**environment, **faster})


def _mlflow(settings: Settings, port: int, logs: Path) -> Server:
    command = ["mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    store = ["--backend-store-uri", f"sqlite:///{settings.home / 'mlflow.db'}"]
    artifacts = ["--artifacts-destination", str(settings.home / "mlartifacts")]
    return Server.start(
        "mlflow",
        [*command, *store, *artifacts, "--workers", "1"],
        logs / "mlflow.log",
        f"http://{LOOPBACK}:{port}/health",
    )


def _scorer(settings: Settings, port: int, logs: Path, api: str) -> Server:
    return Server.start(
        "scorer",
        bentoml_serve(LOOPBACK, port),
        logs / "scorer.log",
        f"http://{LOOPBACK}:{port}/livez",
        {**service_environment(settings, instance_home(settings, port)), "PREFECT_API_URL": api},
    )


def _state(port: int) -> str:
    """What the scorer says of itself: without a model it is up, but not ready."""
    health = httpx.get(f"http://{LOOPBACK}:{port}/health", timeout=START_SECONDS, trust_env=False)
    if health.is_success:
        return "documentation at /docs"
    return f"waiting for a model: {health.json()['detail']}"


def _refuse_taken(ports: Ports) -> None:
    for name, port in asdict(ports).items():
        if not is_free(port):
            raise ProcessError(
                f"port {port} is taken; stop what listens there, or name another for {name}"
            )
