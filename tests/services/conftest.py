"""One real BentoML server for the whole session, serving the hand-made package."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from configs.settings import Settings, load_settings
from credit.package import Package
from services.app import create_app
from services.guard import Guard
from services.ledger import open_ledger
from services.observed import Observed
from services.packages import write_package
from services.serve import running_service
from services.worker import Worker
from tests import tiny


def deploy(settings: Settings, package: Package) -> Path:
    path = write_package(settings.packages, package)
    open_ledger(settings.ledger_uri).deploy(
        settings.dataset,
        package.digest,
        str(path.relative_to(settings.home)),
        package.manifest.family,
        actor="test",
        reason="first model",
    )
    return path


def settings_in(home: Path, workers: int = 1) -> Settings:
    return load_settings(home=home, dataset=tiny.SCHEMA.name, serving={"workers": workers})


@contextmanager
def in_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[httpx.Client, Worker]]:
    """The service without BentoML: its application with the same middleware around it."""
    # It warns where it is imported, which must not be in each process that imports a test's module.
    from starlette.testclient import TestClient

    monkeypatch.setenv("CREDITLOOP_HOME", str(settings.home))
    monkeypatch.setenv("CREDITLOOP_DATASET", settings.dataset)
    worker = Worker()
    whole = Observed(Guard(create_app(worker), worker), worker)
    with TestClient(whole, base_url="http://127.0.0.1") as client:
        yield client, worker


@pytest.fixture(scope="session")
def package() -> Package:
    return tiny.package()


@pytest.fixture(scope="session")
def served_home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def url(served_home, package):
    settings = settings_in(served_home, workers=2)
    deploy(settings, package)
    with running_service(settings) as base:
        yield base


@pytest.fixture(scope="session")
def http(url):
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield client
