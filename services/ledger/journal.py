"""Storing decisions: requests that arrive together share a commit.

A decision may be answered once `store` has returned it. Each journal writes a hash chain of its
own, so that workers and replicas never wait for each other's last hash.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from uuid_utils.compat import uuid7

from credit.policy import Decision
from services.ledger.chain import START, link, payload_hash
from services.ledger.database import writing
from services.ledger.errors import LedgerError
from services.ledger.tables import chains, claims, decisions, protected_attributes, referrals

MOST_ROWS_A_COMMIT = 2000

Fate = Literal["stored", "known", "conflict", "stale"]


@dataclass(frozen=True)
class NewDecision:
    """A decision that is to be stored.

    payload: fields, reasons and all else that a replay compares, as JSON.
    claims: hashes of what makes the request the same as an earlier one; body_hash: of what it
    asked for. They hold until `claimed_until`.
    protected: attributes for fairness monitoring, which are stored apart.
    referral: the newest switch that it was decided under.
    """

    id: UUID
    at: datetime
    dataset: str
    digest: str
    probability: float
    score: int
    decision: Decision
    payload: str
    application_id: str | None = None
    claims: tuple[str, ...] = ()
    body_hash: str = ""
    claimed_until: datetime | None = None
    protected: Mapping[str, object] | None = None
    referral: UUID | None = None


@dataclass(frozen=True)
class Kept:
    """What became of a decision.

    stored: it is in the ledger. known: `earlier` was stored for the same request, and counts.
    conflict: `earlier` was stored for another body under the same claim. stale: the kill switch
    was moved since it was decided; decide again under `referral`.
    """

    fate: Fate
    earlier: UUID | None = None


@dataclass
class _Waiting:
    rows: Sequence[NewDecision]
    done: "asyncio.Future[list[Kept]]"
    loop: asyncio.AbstractEventLoop
    kept: list[Kept] = field(default_factory=list)
    error: Exception | None = None


class JournalFullError(RuntimeError):
    """More decisions wait to be stored than may; ask again in a moment."""


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
            engine: the ledger's database.
            most_waiting: how many decisions may wait; more are refused.
            committed: called after each commit with its rows and seconds.
        """
        self._engine = engine
        self._most_waiting = most_waiting
        self._committed = committed
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._waiting = 0
        self._chain: UUID | None = None
        self._position, self._head = 0, START
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many decisions wait to be stored."""
        return self._waiting

    async def store(self, rows: Sequence[NewDecision]) -> list[Kept]:
        """Store decisions, in one commit with those of other requests.

        When this raises, the decisions may have been stored or not; a request that carries a
        claim can be repeated safely.

        Raises:
            JournalFullError: too many wait.
            LedgerError: the database did not take them.
        """
        if self._waiting + len(rows) > self._most_waiting:
            raise JournalFullError(f"{self._waiting} decisions wait to be stored")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(rows, loop.create_future(), loop)
        self._waiting += len(rows)
        self._queue.put(waiting)
        try:
            return await asyncio.shield(waiting.done)
        finally:
            self._waiting -= len(rows)

    def close(self) -> None:
        """Store what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                self._commit(batch)
                _answer(batch)

    def _take(self) -> tuple[list[_Waiting], bool]:
        """What waits, at least one; and whether the journal stays open."""
        waiting, batch, rows = self._queue.get(), [], 0
        while waiting is not None:
            batch.append(waiting)
            rows += len(waiting.rows)
            if rows >= MOST_ROWS_A_COMMIT:
                return batch, True
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        started = time.perf_counter()
        rows = [row for waiting in batch for row in waiting.rows]
        try:
            with writing(self._engine) as connection:
                kept = self._keep(connection, rows)
        except Exception as error:  # noqa: BLE001 - each request is told, and the next one tries
            # Whether the commit arrived is not known, so this chain is not gone on with.
            self._chain = None
            problem = LedgerError(f"decisions cannot be stored: {_line(error)}")
            for waiting in batch:
                waiting.error = problem
            return
        self._committed(len(rows), time.perf_counter() - started)
        fates = iter(kept)
        for waiting in batch:
            waiting.kept = list(islice(fates, len(waiting.rows)))

    def _keep(self, connection: Connection, rows: Sequence[NewDecision]) -> list[Kept]:
        switches = {row.dataset: row.referral for row in rows}
        newest = {dataset: _newest_referral(connection, dataset) for dataset in switches}
        fates = [
            Kept("stored") if row.referral == newest[row.dataset] else Kept("stale") for row in rows
        ]
        fresh = [row for row, kept in zip(rows, fates, strict=True) if kept.fate == "stored"]
        lost = _claim(connection, fresh)
        added = [row for row in fresh if row.id not in lost]
        if added:
            self._append(connection, added)
        return [lost.get(row.id, kept) for row, kept in zip(rows, fates, strict=True)]

    def _append(self, connection: Connection, rows: Sequence[NewDecision]) -> None:
        if self._chain is None:
            self._chain, self._position, self._head = uuid7(), 0, START
            start = {"id": self._chain, "started_at": rows[0].at, "count": 0, "head": START}
            connection.execute(insert(chains), start)
        position, head, added = self._position, self._head, []
        for row in rows:
            position += 1
            hashed = payload_hash(row.payload)
            head = link(
                head,
                self._chain,
                position,
                row.id,
                row.at,
                row.dataset,
                row.digest,
                row.probability,
                row.score,
                row.decision,
                hashed,
            )
            added.append(
                {
                    "id": row.id,
                    "at": row.at,
                    "dataset": row.dataset,
                    "digest": row.digest,
                    "probability": row.probability,
                    "score": row.score,
                    "decision": row.decision,
                    "application_id": row.application_id,
                    "payload": row.payload,
                    "payload_hash": hashed,
                    "chain": self._chain,
                    "position": position,
                    "hash": head,
                }
            )
        connection.execute(insert(decisions), added)
        apart = [{"decision_id": r.id, "attributes": r.protected} for r in rows if r.protected]
        if apart:
            connection.execute(insert(protected_attributes), apart)
        moved = update(chains).where(chains.c.id == self._chain)
        connection.execute(moved.values(count=position, head=head))
        self._position, self._head = position, head


def _newest_referral(connection: Connection, dataset: str) -> UUID | None:
    query = select(referrals.c.id).where(referrals.c.dataset == dataset)
    return connection.scalar(query.order_by(referrals.c.at.desc(), referrals.c.id.desc()).limit(1))


def _claim(connection: Connection, rows: Sequence[NewDecision]) -> dict[UUID, Kept]:
    """Claim what the rows claim; the fate of those that lost to an earlier decision."""
    wanted = {
        claim: row
        for row in reversed(rows)
        for claim in row.claims  # the first of a batch wins
    }
    if not wanted:
        return {}
    won = set(_insert_claims(connection, wanted))
    holders = {claim: row.id for claim, row in wanted.items() if claim in won}
    bodies = {claim: row.body_hash for claim, row in wanted.items() if claim in won}
    others = [claim for row in rows for claim in row.claims if claim not in won]
    if others:
        query = select(claims.c.claim, claims.c.decision_id, claims.c.body_hash)
        for claim, holder, body in connection.execute(query.where(claims.c.claim.in_(others))):
            holders[claim], bodies[claim] = holder, body
    lost: dict[UUID, Kept] = {}
    for row in rows:
        foreign = [claim for claim in row.claims if holders[claim] != row.id]
        if foreign:
            same = all(bodies[claim] == row.body_hash for claim in foreign)
            lost[row.id] = Kept("known" if same else "conflict", holders[foreign[0]])
    if lost:
        connection.execute(delete(claims).where(claims.c.decision_id.in_(list(lost))))
    return lost


def _insert_claims(connection: Connection, wanted: Mapping[str, NewDecision]) -> Iterable[str]:
    """The claims that were free or had expired; concurrent writers take turns on each."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Sorted, so that two writers that want the same claims cannot wait for each other.
    ordered = sorted(wanted.items())
    statement = dialect.insert(claims).values(
        [
            {
                "claim": claim,
                "decision_id": row.id,
                "body_hash": row.body_hash,
                "expires_at": row.claimed_until,
            }
            for claim, row in ordered
        ]
    )
    earliest = min(row.at for row in wanted.values())
    statement = statement.on_conflict_do_update(
        index_elements=[claims.c.claim],
        set_={
            name: getattr(statement.excluded, name)
            for name in ("decision_id", "body_hash", "expires_at")
        },
        where=claims.c.expires_at <= earliest,
    ).returning(claims.c.claim)
    return connection.scalars(statement).all()


def _answer(batch: Sequence[_Waiting]) -> None:
    """Wake the requests, with one call into their event loop for all of them."""

    def wake() -> None:
        for waiting in batch:
            if waiting.done.done():
                continue
            if waiting.error:
                waiting.done.set_exception(waiting.error)
            else:
                waiting.done.set_result(waiting.kept)

    batch[0].loop.call_soon_threadsafe(wake)


def _line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).partition("\n")[0] or type(error).__name__
