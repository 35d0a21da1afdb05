"""Running flows in this process, for the command line."""

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from configs.datasets import load_spec, resolve_source
from configs.settings import Settings
from credit.plan import FamilyName
from credit.spec import FileSource
from flows.commands.console import stderr
from flows.local.prefect_server import PrefectApi
from flows.local.progress import shown_progress

# What a family imports when it is first fitted, which takes seconds.
LIBRARIES: dict[FamilyName, str] = {"xgboost": "xgboost", "network": "tensorflow"}


def check_source(dataset: str, data: str | None) -> None:
    """Fail at once over what would fail once everything is loaded.

    Raises:
        SpecError: the spec is wrong or not there.
        SourceError: its file is not there.
    """
    from tasks.sources import find_files

    source = resolve_source(load_spec(dataset), data)
    if isinstance(source, FileSource):
        find_files(source.path)


@contextmanager
def flows_ready(settings: Settings, families: Sequence[FamilyName] = ()) -> Iterator[None]:
    """Prefect's API is up, libraries are loaded, the tracking store is open, progress shows.

    The server boots in its own process while this one does the rest.
    """
    console = stderr()
    with console.status("Starting"):
        api = PrefectApi(settings)
        with _collector_paused():
            importlib.import_module("flows.training")
            _load(families)
        from tasks.tracking import open_store

        open_store(settings)
        api.wait_until_up()
    with shown_progress(console):
        yield


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection inside, and none afterwards of what was made there.

    Libraries make millions of objects that stay until the end. To walk them again and again while
    they load, and when the process ends, takes seconds.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _load(families: Sequence[FamilyName]) -> None:
    for family in families:
        if family in LIBRARIES:
            with _silenced_stderr():
                importlib.import_module(LIBRARIES[family])


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """No output from C++: TensorFlow greets before its log level counts."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
