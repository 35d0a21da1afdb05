"""Running flows in this process, for the command line."""

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configs.datasets import load_spec, resolve_source
from configs.settings import Settings
from credit.spec import FileSource
from flows.commands.console import stderr
from flows.local.prefect_server import PrefectApi
from flows.local.progress import shown_progress


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
def flows_ready(
    settings: Settings, module: str = "flows.training", *, tracks: bool = True
) -> Iterator[None]:
    """Prefect's API is up, a flow's module is loaded, progress shows; the tracking store is open.

    The server boots in its own process while this one does the rest.

    Args:
        settings: where all that is.
        module: the flow's, with the libraries that it loads.
        tracks: whether the flow writes to MLflow.
    """
    console = stderr()
    with _native_stderr_in(settings.home / "logs" / "native.log"):
        with console.status("Starting"):
            api = PrefectApi(settings)
            with _collector_paused():
                importlib.import_module(module)
            if tracks:
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


@contextmanager
def _native_stderr_in(log: Path) -> Iterator[None]:
    """What C++ writes to stderr goes to a file, what Python writes to where it went before.

    TensorFlow's C++ greets before its log level counts.
    """
    if sys.stderr is not sys.__stderr__:  # nobody reads it there
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    before = os.dup(2)
    with log.open("ab") as native:
        os.dup2(native.fileno(), 2)
    sys.stderr = os.fdopen(before, "w", buffering=1, errors="backslashreplace", closefd=False)
    try:
        yield
    finally:
        sys.stderr = sys.__stderr__
        os.dup2(before, 2)
        os.close(before)
