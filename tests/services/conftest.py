"""One real BentoML server for the whole session, serving the hand-made package."""

from pathlib import Path

import httpx
import pytest

from configs.settings import Settings, load_settings
from credit.package import Package
from services.ledger import open_ledger
from services.packages import write_package
from services.serve import running_service
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
