"""Debian's programs for tests marked `stack`; `make test-stack` installs them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.stack.postgres import PostgresServer

CHROMIUM = ("--no-sandbox", "--disable-background-networking", "--no-first-run")


def program(name: str) -> str:
    """The path of a program; a test without it fails, for skipped tests go unnoticed."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed; `make test-stack` installs it", pytrace=False)
    return path


@pytest.fixture(scope="module")
def browser():
    """A real Chromium without a window.

    Not for the whole session: while its driver is up no other test can have an event loop.
    """
    chromium = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server; who kills it starts it again."""
    # Not pytest's folder: only its owner may look inside, and the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres(postgres_server: PostgresServer) -> str:
    """The URL of one database for the whole session; `postgres_server` makes fresh ones."""
    return postgres_server.new_database()
