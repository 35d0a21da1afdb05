"""Processes that store decisions and write down what was acknowledged."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TextIO

from services.ledger import open_ledger
from services.ledger.errors import LedgerError
from services.ledger.journal import Journal
from tests.services.deciding import claiming, new_decision

AT_ONCE = 8

Work = Callable[[Journal, TextIO], Coroutine[Any, Any, None]]

_processes = get_context("forkserver")
# So that each of many starts at once.
_processes.set_forkserver_preload([__name__])


def start(work: Work, url: str, told: Path) -> ForkServerProcess:
    """A process that does its work on a ledger, and writes a line for each that was stored."""
    process = _processes.Process(target=_run, args=(work, url, told))
    process.start()
    return process


async def race(journal: Journal, told: TextIO) -> None:
    """Ask for the same 100 claims as the others do, and tell which decision holds each."""
    rows = [claiming(f"k{number}") for number in range(100)]
    kept = await asyncio.gather(*(journal.store([row]) for row in rows))
    told.writelines(
        f"{row.claims[0]} {fate.earlier or row.id}\n"
        for row, (fate,) in zip(rows, kept, strict=True)
    )


async def write(journal: Journal, told: TextIO) -> None:
    """Store without an end; what fails is not told, and the next one is tried."""
    await asyncio.gather(*(_write(journal, told) for _ in range(AT_ONCE)))


async def _write(journal: Journal, told: TextIO) -> None:
    while True:
        row = new_decision()
        try:
            (kept,) = await journal.store([row])
        except LedgerError:
            await asyncio.sleep(0.05)
            continue
        if kept.fate == "stored":
            told.write(f"{row.id}\n")
            told.flush()


def _run(work: Work, url: str, told: Path) -> None:
    with (
        closing(open_ledger(url)) as ledger,
        closing(Journal(ledger.engine, most_waiting=1000)) as journal,
        told.open("a") as file,
    ):
        asyncio.run(work(journal, file))
