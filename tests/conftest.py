"""What all tests share: tests that share servers run on the same worker, in their order."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Folders whose tests share servers that take long to start.
SHARED = {"flows", "services"}


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in a hook of the same name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a folder of `SHARED`, or else a file, together under `pytest -n 2 --dist loadgroup`."""
    for item in items:
        place = item.path.relative_to(TESTS) if item.path.is_relative_to(TESTS) else item.path
        group = place.parts[0] if place.parts[0] in SHARED else str(place)
        item.add_marker(pytest.mark.xdist_group(group))
