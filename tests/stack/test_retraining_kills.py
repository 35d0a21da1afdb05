"""A retraining that is killed at each point where state changes hands, and run again."""

import shutil
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from configs.settings import ROOT, Settings, load_settings
from flows.local.processes import Server
from services.ledger import Ledger, open_ledger
from services.ledger.retraining import NewRequest, RetrainRequest, ask, find_request
from services.packages import read_package
from services.serve import LOOPBACK, free_port
from tasks.tracking import CHAMPION, DIGEST
from tests.flows import killed, matured
from tests.flows.command import COMMAND, environment

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

DATASET = "german-credit"
CONFIG = ROOT / "tests" / "flows" / "retraining.yaml"
ROWS = 1500
WANTED = NewRequest(DATASET, "manual", "a rehearsal", "ana", "word")


@dataclass(frozen=True)
class Place:
    """A home whose champion has decided, and where its ledger and Prefect are."""

    home: Path
    variables: dict[str, str]

    @property
    def settings(self) -> Settings:
        return load_settings(
            home=self.home,
            dataset=DATASET,
            ledger_url=self.variables.get("CREDITLOOP_LEDGER_URL", ""),
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=environment(self.home, **self.variables),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def retrain(self, point: str, request: RetrainRequest, now: datetime):
        return self.run(
            sys.executable, "-m", killed.__name__, point, str(request.id), now.isoformat()
        )


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    port = free_port()
    home = tmp_path_factory.mktemp("prefect")
    server = Server.start(
        "prefect",
        ["prefect", "server", "start", "--host", LOOPBACK, "--port", str(port), "--no-ui"],
        home / "prefect.log",
        f"http://{LOOPBACK}:{port}/api/health",
        environment(home, PREFECT_HOME=str(home), PREFECT_API_URL=""),
    )
    server.wait_until_up(120)
    yield f"http://{LOOPBACK}:{port}/api"
    server.stop()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, prefect) -> Path:
    """A home with a champion."""
    home = tmp_path_factory.mktemp("trained")
    place = Place(home, {"PREFECT_API_URL": prefect, "CREDITLOOP_CONFIG": str(CONFIG)})
    done = place.run(
        str(COMMAND), "train", "--dataset", DATASET, "--family", "woe_logistic", "--json"
    )
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def place(request, tmp_path, trained, prefect, monkeypatch) -> Place:
    """A copy of that home; its champion has decided, and what it approved has an outcome."""
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    monkeypatch.setenv("CREDITLOOP_CONFIG", str(CONFIG))
    variables = {
        "PREFECT_API_URL": prefect,
        "CREDITLOOP_CONFIG": str(CONFIG),
        "CREDITLOOP_DATASET": DATASET,
        # MLflow's files keep the path of the home that they were written in.
        "CREDITLOOP_TRACKING_URL": f"sqlite:///{home / 'mlflow.db'}",
    }
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        variables["CREDITLOOP_LEDGER_URL"] = server.new_database()
    place = Place(home, variables)
    with closing(open_ledger(f"sqlite:///{home / 'ledger.db'}")) as before:
        champion = before.current(DATASET)
    with closing(open_ledger(place.settings.ledger_uri)) as ledger:
        if ledger.current(DATASET) is None:
            ledger.deploy(
                DATASET, champion.digest, champion.uri, champion.family, "ana", "first model"
            )
        matured.decide(ledger, DATASET, place.settings, ROWS)
    return place


def whole_packages(settings: Settings) -> set[str]:
    """The digests of all packages that a reader would find; each is whole, or this fails."""
    folders = [path for path in settings.packages.iterdir() if len(path.name) == 64]
    return {read_package(path, path.name).digest for path in folders}


def check_between(ledger: Ledger, settings: Settings, request: RetrainRequest) -> None:
    """What holds whenever the run is killed."""
    whole = whole_packages(settings)
    assert {row.digest for row in ledger.history(DATASET)} <= whole
    for promotion in ledger.promotions(DATASET):
        if promotion.decision and promotion.decision.decision == "approve":
            (row,) = [r for r in ledger.history(DATASET) if r.promotion_id == promotion.id]
            assert row.digest == promotion.digest
    found = find_request(ledger, request.id)
    assert found.is_open or ledger.current(DATASET).digest == found.last.digest


@pytest.mark.parametrize(
    ("place", "point"),
    [
        *(("sqlite", point) for point in killed.POINTS),
        ("postgres", "deployment row added"),
        ("postgres", "request closed"),
    ],
    indirect=["place"],
)
def test_a_run_that_is_killed_is_completed_by_the_next(place, point):
    settings, now = place.settings, datetime.now(UTC) + matured.YEAR
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        first = ledger.current(DATASET).digest
        request, _ = ask(ledger, WANTED, now, 24)
        died = place.retrain(point, request, now)
        assert died.returncode == -signal.SIGKILL, died.stderr[-3000:]
        check_between(ledger, settings, request)
        again = place.retrain(killed.NOWHERE, request, now)
        assert again.returncode == 0, again.stderr[-3000:]
        check_between(ledger, settings, request)
        found = find_request(ledger, request.id)
        assert (found.state, found.last.outcome) == ("closed", "promoted")
        assert [event.kind for event in found.events].count("closed") == 1
        new, old = ledger.history(DATASET)[:2]
        assert (old.digest, new.digest) == (first, found.last.digest)
        assert len({row.digest for row in ledger.history(DATASET)}) == 2
        approved = [p for p in ledger.promotions(DATASET) if p.digest == new.digest]
        assert len(approved) == 1
    client = MlflowClient(place.variables["CREDITLOOP_TRACKING_URL"])
    version = client.get_model_version_by_alias(f"creditloop-{DATASET}", CHAMPION)
    assert version.tags[DIGEST] == new.digest
