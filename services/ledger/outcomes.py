"""What became of decisions, as far as it is known: a revision is a new row."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, select
from uuid_utils.compat import uuid7

from services.ledger.database import chunks, time_after
from services.ledger.store import Ledger
from services.ledger.tables import decisions, outcomes

Fate = Literal["stored", "revised", "known", "unknown decision"]


@dataclass(frozen=True)
class NewOutcome:
    """An outcome as it is reported.

    bad: by the bad definition of the model's data set. observed_on: when that was so.
    """

    decision_id: UUID
    bad: bool
    observed_on: date
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """An outcome in the ledger; the newest of a decision counts."""

    id: UUID
    at: datetime
    decision_id: UUID
    bad: bool
    observed_on: date
    reporter: str
    note: str


def report_outcomes(ledger: Ledger, reported: Sequence[NewOutcome], reporter: str) -> list[Fate]:
    """Add outcomes in one transaction, those of unknown decisions excepted.

    Args:
        ledger: where the decisions are.
        reported: several of one decision follow each other.
        reporter: the owner of the key that reports.

    Returns:
        What became of each: it is stored; it is stored and revises an earlier one; the newest of
        its decision says the same already, so nothing was added; there is no such decision.

    Raises:
        LedgerError: they could not be stored, none of them.
    """
    with ledger.writing() as connection:
        ids = sorted({each.decision_id for each in reported})
        known = _lock(connection, ids)
        newest = _newest(connection, ids)
        fates, added = [], []
        for each in reported:
            before = newest.get(each.decision_id)
            fate = _fate(each, known, before)
            if fate in ("stored", "revised"):
                row = Outcome(
                    uuid7(),
                    time_after(before.at if before else None),
                    reporter=reporter,
                    **asdict(each),
                )
                newest[each.decision_id] = row
                added.append(asdict(row))
            fates.append(fate)
        if added:
            connection.execute(insert(outcomes), added)
    return fates


def _fate(outcome: NewOutcome, known: set[UUID], before: Outcome | None) -> Fate:
    if outcome.decision_id not in known:
        return "unknown decision"
    if before is None:
        return "stored"
    said = NewOutcome(before.decision_id, before.bad, before.observed_on, before.note)
    return "known" if said == outcome else "revised"


def _lock(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """The decisions that there are; who reports on the same ones meanwhile waits."""
    found: set[UUID] = set()
    for some in chunks(ids):
        query = select(decisions.c.id).where(decisions.c.id.in_(some)).order_by(decisions.c.id)
        found.update(connection.scalars(query.with_for_update(key_share=True)))
    return found


def _newest(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Outcome]:
    newest: dict[UUID, Outcome] = {}
    for some in chunks(ids):
        query = select(outcomes).where(outcomes.c.decision_id.in_(some))
        for row in connection.execute(query.order_by(outcomes.c.at, outcomes.c.id)).mappings():
            newest[row["decision_id"]] = Outcome(**row)
    return newest
