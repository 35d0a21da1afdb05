"""Progress of a flow that runs in this process, from the log lines of its tasks.

Tasks log as always, so Prefect's UI has the same lines. On a terminal the lines of a family move
its bar; elsewhere each line is printed.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class ProgressHandler(logging.Handler):
    """Shows the records of flow and task runs, but not what the engine logs about states."""

    def __init__(self, console: Console, bars: Progress | None):
        super().__init__(logging.INFO)
        self._console, self._bars = console, bars
        self._tasks: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Move a bar or print a line."""
        family = getattr(record, "family", None)
        if self._bars is not None and family:
            self._move(family, record)
        elif not record.exc_info and _is_ours(record):
            self._console.print(record.getMessage(), style=_style(record), markup=False)

    def _move(self, family: str, record: logging.LogRecord) -> None:
        done, total, text = record.done, record.total, record.getMessage()  # type: ignore[attr-defined]
        if family not in self._tasks:
            self._tasks[family] = self._bars.add_task(text, total=total)  # type: ignore[union-attr]
        self._bars.update(self._tasks[family], completed=done, description=text)  # type: ignore[union-attr, arg-type]


@contextmanager
def shown_progress(console: Console) -> Iterator[None]:
    """Show what flow and task runs log while the block runs."""
    bars = _bars(console) if console.is_terminal else None
    handler = ProgressHandler(console, bars)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        if bars is None:
            yield
        else:
            with bars:
                yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _is_ours(record: logging.LogRecord) -> bool:
    return "/prefect/" not in record.pathname.replace("\\", "/")


def _style(record: logging.LogRecord) -> str:
    return "yellow" if record.levelno >= logging.WARNING else "dim"
