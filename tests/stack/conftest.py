"""Debian's programs for tests marked `stack`; `make test-stack` installs them."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = ("--no-sandbox", "--disable-background-networking", "--no-first-run")


def program(name: str) -> str:
    """The path of a program; a test without it fails, for skipped tests go unnoticed."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed; `make test-stack` installs it", pytrace=False)
    return path


@pytest.fixture(scope="session")
def browser():
    """A real Chromium without a window."""
    chromium = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM))
        yield browser
        browser.close()
