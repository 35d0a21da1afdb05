"""What all tests share: tests that share servers run on the same worker, in their order."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share servers that take long to start.
SHARED = ("tests/flows/", "tests/services/", "tests/stack/")


class LoadFolderScheduling(LoadScopeScheduling):
    """Hands a folder of `SHARED`, or else a file, to one worker as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in SHARED if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFolderScheduling:
    """Under `pytest -n 2`; xdist's own `loadgroup` does nothing with pytest 9."""
    return LoadFolderScheduling(config, log)
