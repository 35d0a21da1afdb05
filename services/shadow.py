"""Scoring with the challenger what the champion has decided, beside the requests."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from uuid import UUID

from credit.features import from_many
from services.ledger import Ledger, LedgerError
from services.ledger.challengers import ShadowDecision, store_shadow
from services.model import ServedModel

MOST_WAITING = 2000
MOST_ROWS = 500
# Scoring many at once costs the requests least: most of it happens outside of Python.
GATHER_SECONDS = 0.2
NICENESS = 10

Waiting = tuple[UUID, Mapping[str, object]]

_log = logging.getLogger(__name__)


class Shadow:
    """The challenger's desk, in a thread of low priority.

    It drops what it has no time for, and what it cannot store: nobody waits for it.
    """

    def __init__(
        self,
        ledger: Ledger,
        challenger: Callable[[], ServedModel | None],
        on_dropped: Callable[[int], None] = lambda rows: None,
    ):
        """Start the thread.

        Args:
            ledger: where the challenger's decisions are stored.
            challenger: gives the model to score with at this moment.
            on_dropped: called with the number of applications that were dropped.
        """
        self._ledger = ledger
        self._challenger = challenger
        self._on_dropped = on_dropped
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._has_dropped = False
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, decided: Iterable[Waiting]) -> None:
        """Take note of decisions that are stored: their ids and fields. Never waits."""
        if self._challenger() is None:
            return
        rows = list(decided)
        if self._queue.qsize() + len(rows) > MOST_WAITING:
            self._drop(len(rows), "the challenger is too slow for the traffic")
            return
        for row in rows:
            self._queue.put(row)

    def close(self) -> None:
        """Score what waits, and end."""
        self._is_open = False
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        _lower_priority()
        is_open = True
        while is_open:
            rows, is_open = self._take()
            model = self._challenger()
            if rows and model:
                self._score(rows, model)

    def _take(self) -> tuple[list[Waiting], bool]:
        """What waits, at least one; and whether more can come."""
        rows: list[Waiting] = []
        row = self._queue.get()
        if self._is_open:
            time.sleep(GATHER_SECONDS)
        while row is not None:
            rows.append(row)
            if len(rows) >= MOST_ROWS:
                return rows, True
            try:
                row = self._queue.get_nowait()
            except Empty:
                return rows, True
        return rows, False

    def _score(self, rows: list[Waiting], model: ServedModel) -> None:
        try:
            applications = from_many([fields for _, fields in rows], model.schema)
            judged = model.underwriter.judge(applications, "none")
            now = datetime.now(UTC)
            store_shadow(
                self._ledger,
                [
                    ShadowDecision(
                        decision_id, model.digest, now, j.probability, j.score, j.decision
                    )
                    for (decision_id, _), j in zip(rows, judged, strict=True)
                ],
            )
        except LedgerError as error:
            self._drop(len(rows), str(error))
        except Exception as error:  # noqa: BLE001 - messages may hold applicants' values
            self._drop(len(rows), f"it failed with {type(error).__name__}")

    def _drop(self, rows: int, why: str) -> None:
        self._on_dropped(rows)
        if not self._has_dropped:
            _log.warning("applications are dropped unscored by the challenger: %s", why)
        self._has_dropped = True


def _lower_priority() -> None:
    """On Linux a thread has a priority of its own; elsewhere it would be the whole process's."""
    if hasattr(os, "sched_setaffinity"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
