"""Purging: old decisions lose what is about a person, and keep what the chain needs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from uuid_utils.compat import uuid7

from services.ledger.database import A_STATEMENT
from services.ledger.store import Ledger
from services.ledger.tables import (
    claims,
    decisions,
    legal_holds,
    newest_first,
    protected_attributes,
    purges,
)


@dataclass(frozen=True)
class Purge:
    """A purge as it is logged; held: old decisions that it passed by for a legal hold."""

    id: UUID
    at: datetime
    before: datetime
    erased: int
    held: int
    actor: str


@dataclass(frozen=True)
class Purgeable:
    """What a purge would do."""

    erased: int
    held: int


def count_purgeable(ledger: Ledger, before: datetime) -> Purgeable:
    """How many decisions a purge would erase, and how many it would pass by.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    query = select(func.count()).select_from(decisions).where(_is_old(before))
    with ledger.reading() as connection:
        erased = connection.scalar(query.where(~_is_held())) or 0
        held = connection.scalar(query.where(_is_held())) or 0
    return Purgeable(erased, held)


def purge(
    ledger: Ledger,
    before: datetime,
    actor: str,
    passed: Callable[[int], None] = lambda rows: None,
) -> Purge:
    """Erase payload, application id and protected attributes of decisions before a time.

    Those under a legal hold are passed by. What is erased once is not erased again, so that a
    purge that was interrupted is gone on with by the next one. Claims that expired go too.

    Args:
        ledger: whose decisions.
        before: the time.
        actor: who purges.
        passed: called with the number of decisions that were erased since the last call.

    Raises:
        LedgerError: the ledger cannot be written to; what was erased until then stays so.
    """
    now = datetime.now(UTC)
    started = Purge(uuid7(), now, before, 0, count_purgeable(ledger, before).held, actor)
    with ledger.writing() as connection:
        # Logged before anything is erased: an erased payload without a purge is a fault.
        connection.execute(insert(purges), asdict(started))
        connection.execute(delete(claims).where(claims.c.expires_at <= now))
    erased, after = 0, UUID(int=0)
    while old := _oldest(ledger, before, after):
        gone = _erase(ledger, started.id, old)
        erased, after = erased + gone, old[-1]
        passed(gone)
    return Purge(**{**asdict(started), "erased": erased})


def _oldest(ledger: Ledger, before: datetime, after: UUID) -> Sequence[UUID]:
    """The next decisions that are to be erased; ids come in the order of time."""
    query = select(decisions.c.id).where(decisions.c.id > after, _is_old(before), ~_is_held())
    with ledger.reading() as connection:
        return connection.scalars(query.order_by(decisions.c.id).limit(A_STATEMENT)).all()


def _erase(ledger: Ledger, purge_id: UUID, old: Sequence[UUID]) -> int:
    """A transaction for each few, so that decisions go on being stored between them."""
    rows = select(decisions.c.id).where(decisions.c.id.in_(old))
    with ledger.writing() as connection:
        # Who lays a hold waits from here on, and who has laid one meanwhile is seen.
        connection.execute(rows.with_for_update(key_share=True)).all()
        ids = connection.scalars(rows.where(~_is_held())).all()
        of_them = protected_attributes.c.decision_id.in_(ids)
        connection.execute(delete(protected_attributes).where(of_them))
        erase = update(decisions).where(decisions.c.id.in_(ids))
        connection.execute(erase.values(payload=None, application_id=None))
        log = update(purges).where(purges.c.id == purge_id)
        connection.execute(log.values(erased=purges.c.erased + len(ids)))
    return len(ids)


def _is_old(before: datetime) -> ColumnElement[bool]:
    return (decisions.c.at < before) & decisions.c.payload.is_not(None)


def _is_held() -> ColumnElement[bool]:
    """Whether the newest hold on a decision stands."""
    newest = (
        select(legal_holds.c.is_on)
        .where(legal_holds.c.decision_id == decisions.c.id)
        .order_by(*newest_first(legal_holds))
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(newest, False)
