"""Decisions: as they are to be stored, what becomes of them, and as they are read back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Select, func, select

from credit.policy import Decision
from services.ledger.database import A_STATEMENT, chunks
from services.ledger.errors import UnknownDecisionError
from services.ledger.store import Ledger
from services.ledger.tables import decisions

Fate = Literal["stored", "known", "conflict", "stale"]


@dataclass(frozen=True)
class NewDecision:
    """A decision that is to be stored.

    payload: fields, reasons and all else that a replay compares, as JSON.
    claims: hashes of what makes the request the same as an earlier one; body_hash: of what it
    asked for. They hold until `claimed_until`.
    protected: attributes for fairness monitoring, which are stored apart.
    referral: the newest move of the kill switch that it was decided under.
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
    was moved since it was decided; decide again under the newest move.
    """

    fate: Fate
    earlier: UUID | None = None


@dataclass(frozen=True)
class StoredDecision:
    """A decision in the ledger; payload and application_id are none after a purge."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    probability: float
    score: int
    decision: Decision
    application_id: str | None
    payload: str | None
    payload_hash: str
    chain: UUID
    position: int
    hash: str


def find_decision(ledger: Ledger, decision_id: UUID) -> StoredDecision | None:
    """A decision by its id; raises LedgerError when the ledger cannot be read."""
    with ledger.reading() as connection:
        row = connection.execute(_of(decision_id)).mappings().first()
    return StoredDecision(**row) if row else None


def count_decisions(ledger: Ledger, dataset: str | None = None) -> int:
    """How many decisions there are; raises LedgerError when the ledger cannot be read."""
    with ledger.reading() as connection:
        query = _of_dataset(select(func.count()).select_from(decisions), dataset)
        return int(connection.scalar(query))


def read_decisions(ledger: Ledger, dataset: str | None = None) -> Iterator[list[StoredDecision]]:
    """All decisions, or those of a data set, a thousand at a time and the oldest id first.

    Nothing is held open between them: a reader that takes hours holds nobody up.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    after = UUID(int=0)
    while some := _after(ledger, after, dataset):
        yield some
        after = some[-1].id


def sample_decisions(
    ledger: Ledger, size: int, seed: int | None = None, dataset: str | None = None
) -> Iterator[list[StoredDecision]]:
    """A random sample of the decisions that are not purged, a thousand at a time.

    Args:
        ledger: where they are.
        size: how many; all where there are fewer.
        seed: the same one draws the same sample from the same decisions.
        dataset: of which data set; default: of all.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    for ids in chunks(_draw(ledger, size, seed, dataset)):
        with ledger.reading() as connection:
            query = select(decisions).where(decisions.c.id.in_(ids)).order_by(decisions.c.id)
            rows = connection.execute(query).mappings().all()
        yield [StoredDecision(**row) for row in rows]


def _after(ledger: Ledger, after: UUID, dataset: str | None) -> list[StoredDecision]:
    query = _of_dataset(select(decisions), dataset).where(decisions.c.id > after)
    with ledger.reading() as connection:
        rows = connection.execute(query.order_by(decisions.c.id).limit(A_STATEMENT)).mappings()
        return [StoredDecision(**row) for row in rows]


def _draw(ledger: Ledger, size: int, seed: int | None, dataset: str | None) -> list[UUID]:
    """The ids of a sample, in their order; one pass over all ids keeps only those it draws."""
    query = _of_dataset(select(decisions.c.id), dataset).where(decisions.c.payload.is_not(None))
    with ledger.reading() as connection:
        streamed = connection.execution_options(yield_per=A_STATEMENT)
        ids = streamed.scalars(query.order_by(decisions.c.id))
        rng, drawn = np.random.default_rng(seed), list(islice(ids, size))
        for seen, some in _counted(ids, size):
            # Of n decisions seen so far, the newest is drawn with probability size / n.
            places = rng.integers(0, np.arange(seen + 1, seen + 1 + len(some)))
            for place, id_ in zip(places.tolist(), some, strict=True):
                if place < size:
                    drawn[place] = id_
    return sorted(drawn)


def _counted(ids: Iterable[UUID], seen: int) -> Iterator[tuple[int, list[UUID]]]:
    """How many came before, and the next few."""
    for some in chunks(ids):
        yield seen, some
        seen += len(some)


def _of_dataset(query: Select[tuple[Any, ...]], dataset: str | None) -> Select[tuple[Any, ...]]:
    return query if dataset is None else query.where(decisions.c.dataset == dataset)


def select_decision(
    connection: Connection, decision_id: UUID, for_update: bool = False
) -> StoredDecision:
    """A decision by its id, which no other transaction adds to meanwhile where it is for update.

    Raises:
        UnknownDecisionError: there is no such decision.
    """
    query = _of(decision_id).with_for_update(key_share=True) if for_update else _of(decision_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise UnknownDecisionError(f"the ledger has no decision {decision_id}")
    return StoredDecision(**row)


def _of(decision_id: UUID) -> Select[tuple[Any, ...]]:
    return select(decisions).where(decisions.c.id == decision_id)
