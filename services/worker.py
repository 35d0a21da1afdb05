"""What a worker works with: opened at its start, shared by its routes, and kept up to date."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast

from fastapi import Request

from configs.settings import Settings
from credit.underwriting import Ask
from services.deciding import Desk
from services.explaining import Explainer
from services.keys import KeyRing
from services.ledger import Ledger, LedgerError
from services.ledger.journal import Journal, JournalFullError
from services.memory import MemoryPlan
from services.model import CurrentModel, ServedModel
from services.problems import ProblemError, unavailable
from services.shadow import Shadow
from services.telemetry import Telemetry

if TYPE_CHECKING:
    from services.drifting import DriftDesk

WATCH_SECONDS = 2


class Worker:
    """One process of the service. Making one reads nothing; `open` does."""

    settings: Settings
    ledger: Ledger
    journal: Journal
    shadow: Shadow
    desk: Desk
    explainer: Explainer
    telemetry: Telemetry

    def __init__(self) -> None:
        self.current = CurrentModel()
        self.keys = KeyRing()

    def open(self) -> None:
        """Connect, and load what serves.

        Raises:
            SettingsError: a setting is wrong.
            LedgerError: the ledger is out of reach.
        """
        self.telemetry = Telemetry()
        self.settings, self.ledger = self.current.open()
        serving = self.settings.serving
        self.journal = Journal(self.ledger.engine, serving.most_waiting, self.telemetry.committed)
        window = timedelta(hours=serving.repeat_hours)
        self.shadow = Shadow(
            self.ledger, lambda: self.current.challenger, self.telemetry.unshadowed
        )
        self.desk = Desk(self.current, self.ledger, self.journal, window, self.shadow.offer)
        self.explainer = Explainer(self.current, self.ledger, self.settings)
        self.current.on_swap = self.telemetry.swapped
        self.refresh()

    def close(self) -> None:
        """Store what waits, and give the connections back."""
        self.journal.close()
        self.shadow.close()
        self.current.close()

    def refresh(self) -> None:
        """Follow the ledger: its newest deployment and its keys."""
        self.current.refresh()
        self.look()

    def look(self) -> None:
        """Read the keys anew, and note what is known only by looking."""
        with suppress(LedgerError):  # what cannot be read stays as it is, and `problem` says so
            self.keys.refresh(self.ledger)
        identity = self.current.model.identity if self.current.model else None
        self.telemetry.watch(identity, self.journal.depth)

    def not_stored(self, error: Exception) -> ProblemError:
        """What a request is answered whose decision could not be stored."""
        if isinstance(error, JournalFullError):
            return unavailable(f"{error}; send it again in a moment", kind="overload")
        return unavailable(
            "the ledger does not answer; send it again in a moment, with the same application_id "
            "or Idempotency-Key",
            kind="ledger",
        )

    @property
    def ask(self) -> Ask:
        """For which applications reasons are worked out."""
        return "not approved" if self.settings.serving.reasons else "none"

    @cached_property
    def drift_desk(self) -> "DriftDesk":
        """Who judges drift on demand; at first in a thread, for SciPy takes seconds to load."""
        from services.drifting import DriftDesk

        return DriftDesk(self.settings.drift, self.settings.serving.most_rows)

    async def watch(self, memory: MemoryPlan) -> None:
        """Look again and again: nobody else could tell a worker what has changed.

        In threads, so that requests go on being answered while a model is read and warmed up, and
        a key that was revoked ends even while a package is being fetched.
        """
        await asyncio.gather(self._follow_model(memory), self._look_again())

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await asyncio.to_thread(self.look)

    async def _follow_model(self, memory: MemoryPlan) -> None:
        while True:
            served = self.current.model
            await asyncio.sleep(WATCH_SECONDS)
            await asyncio.to_thread(self.current.refresh)
            if self.current.model is not served:
                served = None
                memory.settle()

    @property
    def problem(self) -> str:
        """Why it can decide on nothing; empty: it can."""
        if self.current.model is None:
            return self.current.problem
        if self.current.is_in_touch and self.journal.is_working:
            return ""
        return "the ledger is out of reach; the log says why"

    @property
    def model(self) -> ServedModel:
        """The model that serves.

        Raises:
            ProblemError: 503: there is none.
        """
        if self.current.model is None:
            raise unavailable(self.current.problem, kind="no-model")
        return self.current.model


def worker_of(request: Request) -> Worker:
    """The worker that a request arrived at."""
    return cast(Worker, request.app.state.worker)


async def stop(task: "asyncio.Task[None]") -> None:
    """End a task of the event loop."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
