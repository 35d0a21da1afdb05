"""One real training, and one real stack of servers, for all tests of flows and commands."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from services.serve import free_port
from tests import tiny
from tests.flows.command import COMMAND, Outcome, creditloop, creditloop_here, environment

FAMILIES = ("woe_logistic", "pca_logistic")
DATASET = "german-credit"
TRAIN = ("train", "--dataset", DATASET, *(f"--family={family}" for family in FAMILIES), "--json")
START_SECONDS = 150


@dataclass(frozen=True)
class Trained:
    """A home with one training in it, and what the command said."""

    home: Path
    outcome: Outcome


@dataclass(frozen=True)
class Up:
    """The servers of `creditloop up`."""

    home: Path
    prefect: str
    mlflow: str
    scorer: str
    printed: str

    @property
    def api(self) -> str:
        """Prefect's API."""
        return f"{self.prefect}/api"


@dataclass(frozen=True)
class Booting:
    """A `creditloop up` that has just been started."""

    home: Path
    process: subprocess.Popen[bytes]
    ports: tuple[int, int, int]

    @property
    def said(self) -> Path:
        """What it prints."""
        return self.home / "up.txt"


@pytest.fixture(scope="session")
def booting(tmp_path_factory) -> Iterator[Booting]:
    """`creditloop up` on free ports, stopped by SIGTERM at the end."""
    home = tmp_path_factory.mktemp("up")
    ports = (free_port(), free_port(), free_port())
    prefect, mlflow, scorer = map(str, ports)
    command = [COMMAND, "up", "--prefect-port", prefect, "--mlflow-port", mlflow, "--port", scorer]
    with (home / "up.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            # So few rows prove little: without wide margins no second model would pass the gates.
            env=environment(
                home,
                CREDITLOOP_DATASET=DATASET,
                CREDITLOOP_PROMOTION__AUC_MARGIN="0.2",
                CREDITLOOP_PROMOTION__PROFIT_MARGIN="1",
            ),
            stdout=output,
            stderr=output,
        )
    yield Booting(home, process, ports)
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, booting) -> Trained:
    """German credit, trained by the command line with an API of its own.

    Meanwhile the servers boot, for most tests that want the one want the other.
    """
    home = tmp_path_factory.mktemp("trained")
    outcome = creditloop(home, *TRAIN)
    assert outcome.code == 0, outcome.err
    return Trained(home, outcome)


@pytest.fixture(scope="session")
def up(booting) -> Iterator[Up]:
    """The servers once they are up. Stopping them must leave nothing behind."""
    _wait_for(booting.said, "Schedules are on", booting.process)
    children = psutil.Process(booting.process.pid).children(recursive=True)
    prefect, mlflow, scorer = (f"http://127.0.0.1:{port}" for port in booting.ports)
    yield Up(booting.home, prefect, mlflow, scorer, booting.said.read_text())
    booting.process.terminate()
    assert booting.process.wait(60) == 0, booting.said.read_text()
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if _lives(child)]
    logs = booting.home / "logs"
    assert "Traceback" not in (logs / "worker.log").read_text()
    # Prefect on SQLite stumbles over a locked database now and then, and tries again by itself.
    faults = (logs / "prefect.log").read_text().split("Traceback")[1:]
    assert all("database is locked" in fault for fault in faults), faults


def _wait_for(said: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while words not in said.read_text():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.2)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="session")
def api(up) -> Iterator[httpx.Client]:
    """Prefect's REST API."""
    with httpx.Client(base_url=up.api, timeout=30, transport=Patient()) as client:
        yield client


class Patient(httpx.HTTPTransport):
    """Asks again where Prefect answers 503, which it does while its SQLite is locked."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + 30
        while True:
            answer = super().handle_request(request)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                return answer
            answer.close()
            time.sleep(0.5)


@pytest.fixture
def here(capfd) -> Callable[..., Outcome]:
    """Commands in this process, which saves seconds each, for those that need no Prefect."""

    def run(home: Path, *arguments: object, **variables: str) -> Outcome:
        return creditloop_here(home, "", capfd, *arguments, **variables)

    return run


@pytest.fixture(scope="session")
def spec(tmp_path_factory) -> Path:
    """The tiny data set's spec, whose source nobody reads."""
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    content = tiny.SCHEMA.model_dump(mode="json", exclude_unset=True)
    path.write_text(json.dumps({**content, "source": {"path": "nowhere.csv"}}))
    return path
