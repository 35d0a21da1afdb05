"""Storing decisions: requests that arrive together share a commit.

A decision may be answered once `store` has returned it. Each journal writes a hash chain of its
own, so that workers and replicas never wait for each other's last hash.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty, SimpleQueue

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from services.faults import first_line
from services.ledger.chain import Tip
from services.ledger.checkpoints import Checkpoints
from services.ledger.database import begin_decisions, connect, writing
from services.ledger.decisions import Kept, NewDecision
from services.ledger.entries import Entries
from services.ledger.errors import LedgerError

MOST_ROWS_A_COMMIT = 2000
# A request waits at most so long, and the database gets a little less.
PATIENCE_SECONDS, DATABASE_SECONDS = 10, 8
PROBE_SECONDS = 1
# So long the event loop rests for a commit; then it goes on, for the database may hang.
REST_SECONDS = 0.005

_log = logging.getLogger(__name__)


class JournalFullError(RuntimeError):
    """More decisions wait to be stored than may; ask again in a moment."""


@dataclass
class _Waiting:
    """A request's decisions, and where its event loop waits for them."""

    rows: Sequence[NewDecision]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[list[Kept]]"
    kept: list[Kept] = field(default_factory=list)
    error: LedgerError | None = None


class Journal:
    """The writer of one process."""

    def __init__(
        self,
        engine: Engine,
        most_waiting: int,
        committed: Callable[[int, float], None] = lambda rows, seconds: None,
    ):
        """Start the writing thread.

        Args:
            engine: the ledger's database; the journal has connections of its own to it.
            most_waiting: how many decisions may wait; more are refused. A single request that is
                larger is taken when nothing waits.
            committed: called in the writing thread after each commit, with its rows and seconds.
        """
        self.is_working = True
        self._engine = connect(engine.url, lock_seconds=DATABASE_SECONDS, checkpoints=False)
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._checkpoints = Checkpoints(engine.url) if is_sqlite else None
        self._entries = Entries(self._engine.dialect)
        self._most_waiting = most_waiting
        self._committed = committed
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        # Each is written by one thread alone: the first by the event loop's, the second by ours.
        self._taken_in = self._let_out = 0
        self._tip: Tip | None = None
        self._is_closed = False
        self._writing_since: float | None = None
        self._turns: SimpleQueue[None] = SimpleQueue()
        self._will_hand_over = False
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many decisions wait to be stored."""
        return self._taken_in - self._let_out

    async def store(self, rows: Sequence[NewDecision]) -> list[Kept]:
        """Store decisions, in one commit with those of other requests.

        When this raises LedgerError, the decisions may have been stored or not; a request that
        carries a claim can be repeated safely. A request that is cancelled before its turn is not
        stored.

        Raises:
            JournalFullError: too many wait.
            LedgerError: the database did not take them, or not in time.
        """
        if self._is_closed:
            raise LedgerError("decisions cannot be stored: the service is stopping")
        if self._is_stuck:
            raise LedgerError("decisions cannot be stored: the database does not answer")
        waiting = self.depth
        if waiting and waiting + len(rows) > self._most_waiting:
            raise JournalFullError(f"{waiting} decisions wait to be stored")
        loop = asyncio.get_running_loop()
        request = _Waiting(rows, loop, loop.create_future())
        self._taken_in += len(rows)
        self._queue.put(request)
        if not self._will_hand_over:
            self._will_hand_over = True
            loop.call_soon(self._hand_over)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await request.done
        except TimeoutError:
            problem = f"the database took over {PATIENCE_SECONDS} s"
            self._note_outage(problem)
            raise LedgerError(f"decisions cannot be stored: {problem}") from None

    @property
    def _is_stuck(self) -> bool:
        """Whether the writer has waited for the database longer than any request does."""
        since = self._writing_since
        return since is not None and time.monotonic() - since > PATIENCE_SECONDS

    def _hand_over(self) -> None:
        """Give the writer its turn, and rest until it has answered.

        It comes after all that the event loop had before it, so that this shares a commit. Every
        call of the database gives the interpreter away, and the writer would wait for it again
        each time while the loop is at work: with the loop at rest a commit is much faster.
        """
        self._will_hand_over = False
        self._answered.clear()
        self._turns.put(None)
        self._answered.wait(REST_SECONDS)

    def close(self) -> None:
        """Store what waits, and end."""
        self._is_closed = True
        self._queue.put(None)
        self._turns.put(None)
        self._thread.join()
        if self._checkpoints:
            self._checkpoints.close()
        self._engine.dispose()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                self._writing_since = time.monotonic()
                self._store_wanted(batch)
                self._writing_since = None
            elif is_open and not self.is_working:
                self._probe()

    def _take(self) -> tuple[list[_Waiting], bool]:
        """What waits, and whether the journal stays open.

        It is nothing where the database failed last and nobody asked since: a service that is not
        ready gets no requests, and would never find out that the database is back.
        """
        batch: list[_Waiting] = []
        rows = 0
        with suppress(Empty):
            self._turns.get(timeout=None if self.is_working else PROBE_SECONDS)
            request = self._queue.get_nowait()
            while request is not None:
                batch.append(request)
                rows += len(request.rows)
                if rows >= MOST_ROWS_A_COMMIT:
                    self._turns.put(None)  # there may be more
                    return batch, True
                request = self._queue.get_nowait()
            return batch, False
        return batch, True

    def _store_wanted(self, batch: Sequence[_Waiting]) -> None:
        """Store what a batch holds, without the requests that nobody waits for any more."""
        wanted = [request for request in batch if not request.done.done()]
        self._let_out += _count(batch) - _count(wanted)
        if wanted:
            self._store(wanted)

    def _store(self, batch: Sequence[_Waiting]) -> None:
        """Store what a batch holds and tell its requests; one's bad rows do not harm another's."""
        started = time.perf_counter()
        rows = [row for request in batch for row in request.rows]
        try:
            kept = iter(self._commit(rows))
        except Exception as error:  # noqa: BLE001 - each request is told, and the next one tries
            if len(batch) > 1 and not _is_outage(error):
                for request in batch:
                    self._store([request])
                return
            self._fail(batch, error)
        else:
            self.is_working = True
            for request in batch:
                request.kept = list(islice(kept, len(request.rows)))
            self._answer(batch)
            self._report(len(rows), time.perf_counter() - started)

    def _commit(self, rows: Sequence[NewDecision]) -> list[Kept]:
        # When this fails nobody knows whether the commit arrived, so that chain has ended.
        tip, self._tip = self._tip, None
        with writing(self._engine) as connection:
            begin_decisions(connection, DATABASE_SECONDS)
            kept, tip = self._entries.keep(connection, rows, tip)
        self._tip = tip
        return kept

    def _fail(self, batch: Sequence[_Waiting], error: Exception) -> None:
        problem = first_line(error)
        if _is_outage(error):
            self._note_outage(problem)
        for request in batch:
            request.error = LedgerError(f"decisions cannot be stored: {problem}")
        self._answer(batch)

    def _note_outage(self, problem: str) -> None:
        if self.is_working:
            _log.error("decisions cannot be stored: %s", problem)
        self.is_working = False

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        """Wake the requests, with one call into their event loop for all of them."""
        self._let_out += _count(batch)
        self._answered.set()
        for loop in {request.loop for request in batch}:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits in it
                loop.call_soon_threadsafe(_wake, batch, loop)

    def _probe(self) -> None:
        with suppress(DBAPIError), writing(self._engine) as connection:
            begin_decisions(connection, DATABASE_SECONDS)
            self.is_working = True

    def _report(self, rows: int, seconds: float) -> None:
        try:
            self._committed(rows, seconds)
        except Exception:  # noqa: BLE001 - no gauge may end the thread that stores decisions
            _log.exception("a commit could not be reported")


def _wake(batch: Sequence[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
    for request in batch:
        if request.loop is not loop or request.done.done():
            continue
        if request.error:
            request.done.set_exception(request.error)
        else:
            request.done.set_result(request.kept)


def _count(batch: Sequence[_Waiting]) -> int:
    return sum(len(request.rows) for request in batch)


def _is_outage(error: Exception) -> bool:
    """Whether it is the database that failed, not what it was given."""
    return isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError)
