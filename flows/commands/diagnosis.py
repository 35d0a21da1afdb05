"""What Creditloop needs to work here: one check each, with a remedy."""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import httpx
from packaging.requirements import Requirement

from configs.settings import Settings
from configs.urls import without_credentials
from credit.package import VERSION_DIGITS, PackageError
from flows.local.stack import MLFLOW_PORT, PREFECT_PORT
from services.ledger import LedgerError, open_ledger, without_secrets
from services.model import NoModelError, choose_package
from services.serve import is_free

State = Literal["ok", "warning", "failure"]
OLDEST, NEWEST = (3, 11), (3, 13)


@dataclass(frozen=True)
class Finding:
    """The outcome of a check; `remedy` is empty when all is well."""

    check: str
    state: State
    detail: str
    remedy: str = ""


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Run all checks, in an order in which the first failure explains the later ones."""
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _python,
        _versions,
        _home,
        _ledger,
        _champion,
        _mlflow,
        _prefect,
    )
    for check in checks:
        yield check(settings)
    yield _port("scorer", settings.serving.port, "set CREDITLOOP_SERVING__PORT")
    yield _port("Prefect", PREFECT_PORT, "stop what listens there before `creditloop up`")
    yield _port("MLflow", MLFLOW_PORT, "stop what listens there before `creditloop up`")


def _python(_settings: Settings) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return Finding("Python", "ok", found)
    return Finding("Python", "failure", found, "use Python 3.11, 3.12 or 3.13")


def _versions(settings: Settings) -> Finding:
    """Installed versions against the lock file; what is not installed at all is not compared."""
    if not settings.lock_file.is_file():
        return Finding(
            "packages", "failure", f"{settings.lock_file} is missing", "set CREDITLOOP_LOCK_FILE"
        )
    pins = dict(_pins(settings.lock_file.read_text(encoding="utf-8")))
    different = [
        f"{name} {installed} instead of {pinned}"
        for name, pinned in pins.items()
        if (installed := _installed(name)) not in (None, pinned)
    ]
    if different:
        return Finding("packages", "warning", ", ".join(different), "run `make install`")
    return Finding("packages", "ok", f"as in {settings.lock_file.name}")


def _pins(lock: str) -> Iterator[tuple[str, str]]:
    for line in lock.splitlines():
        if "==" in line and not line.startswith(("#", " ")):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement.name, str(requirement.specifier).removeprefix("==")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _home(settings: Settings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        return Finding(
            "home",
            "failure",
            f"{settings.home} cannot be written: {error.strerror}",
            "set CREDITLOOP_HOME to a folder of yours",
        )
    return Finding("home", "ok", str(settings.home))


def _ledger(settings: Settings) -> Finding:
    try:
        open_ledger(settings.ledger_uri).close()
    except LedgerError as error:
        return Finding("ledger", "failure", str(error), "correct CREDITLOOP_LEDGER_URL")
    return Finding("ledger", "ok", without_secrets(settings.ledger_uri))


def _champion(settings: Settings) -> Finding:
    remedy = f"run `creditloop train --dataset {settings.dataset}`"
    try:
        package = choose_package(settings)
    except NoModelError as error:
        problem, _, remedy = str(error).partition("; ")
        return Finding("champion", "warning", problem, remedy)
    except (PackageError, LedgerError) as error:
        return Finding("champion", "failure", str(error), remedy)
    detail = f"{package.manifest.family} {package.digest[:VERSION_DIGITS]} for {settings.dataset}"
    return Finding("champion", "ok", detail)


def _mlflow(settings: Settings) -> Finding:
    if settings.tracking_url:
        remedy = "start the server or correct CREDITLOOP_TRACKING_URL"
        return _answers("MLflow store", settings.tracking_url.rstrip("/") + "/health", remedy)
    store = settings.home / "mlflow.db"
    if not store.is_file():
        return Finding("MLflow store", "ok", "embedded; made by the first training")
    try:
        with sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True) as connection:
            runs = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
    except sqlite3.Error as error:
        return Finding("MLflow store", "failure", f"{store}: {error}", f"move {store} away")
    return Finding("MLflow store", "ok", f"embedded, {runs:,} runs")


def _prefect(_settings: Settings) -> Finding:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return Finding("Prefect API", "ok", "embedded; started by each command that needs it")
    remedy = "start it with `creditloop up`, or unset PREFECT_API_URL"
    return _answers("Prefect API", url.rstrip("/") + "/health", remedy)


def _answers(check: str, url: str, remedy: str) -> Finding:
    try:
        httpx.get(url, timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        return Finding(check, "failure", without_credentials(f"{url}: {error}"), remedy)
    return Finding(check, "ok", without_credentials(url))


def _port(server: str, port: int, remedy: str) -> Finding:
    if is_free(port):
        return Finding(f"port {port}", "ok", f"free for {server}")
    return Finding(f"port {port}", "warning", f"in use, perhaps by {server} itself", remedy)
