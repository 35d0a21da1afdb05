"""A swap of the champion as the ledger sees it: what the new one and the former one decided."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Select, and_, select

from credit.expressions import FloatArray
from credit.guard import Approvals
from services.ledger.history import previous
from services.ledger.records import Deployment
from services.ledger.store import Ledger
from services.ledger.tables import decisions, shadow_decisions

MOST_ROWS = 20_000


@dataclass(frozen=True)
class Swap:
    """A new champion, and the one before it."""

    new: Deployment
    former: Deployment


def newest_swap(ledger: Ledger, dataset: str, minutes: float, now: datetime) -> Swap | None:
    """The swap that is to be watched still: of the last minutes, and no rollback or first model.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    history = ledger.history(dataset)
    if not history or history[0].action == "rollback":
        return None
    new = history[0]
    if now - new.at > timedelta(minutes=minutes) or len({row.digest for row in history}) < 2:
        return None
    return Swap(new, previous(history, dataset))


def approvals(ledger: Ledger, swap: Swap) -> tuple[Approvals, Approvals]:
    """Of the new and of the former champion: of the same applications where that is known.

    Where the former one did not score beside the new one, its own last decisions stand in; then
    applicants may differ, and not the model.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    new, former = decisions.c, shadow_decisions.c
    both = decisions.join(
        shadow_decisions,
        and_(former.decision_id == new.id, former.digest == swap.former.digest),
    )
    paired = _newest(select(new.decision, former.decision).select_from(both), swap.new)
    with ledger.reading() as connection:
        rows = connection.execute(paired).all()
        if rows:
            return _count([row[0] for row in rows]), _count([row[1] for row in rows])
        own = connection.scalars(_newest(select(new.decision), swap.new)).all()
        before = (
            select(new.decision)
            .where(
                new.dataset == swap.new.dataset,
                new.digest == swap.former.digest,
                new.at <= swap.new.at,
            )
            .order_by(new.at.desc())
            .limit(MOST_ROWS)
        )
        return _count(list(own)), _count(list(connection.scalars(before)))


def scores(ledger: Ledger, swap: Swap) -> tuple[FloatArray, FloatArray]:
    """The new champion's probabilities since the swap, and those from its time in the shadow.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    shadow = shadow_decisions.c
    own = _newest(select(decisions.c.probability), swap.new)
    beside = (
        select(shadow.probability)
        .where(shadow.digest == swap.new.digest, shadow.at <= swap.new.at)
        .order_by(shadow.at.desc())
        .limit(MOST_ROWS)
    )
    with ledger.reading() as connection:
        live, before = connection.scalars(own).all(), connection.scalars(beside).all()
    return np.array(live, dtype=np.float64), np.array(before, dtype=np.float64)


def _newest(query: Select[tuple[object, ...]], new: Deployment) -> Select[tuple[object, ...]]:
    """Of the decisions that the new champion made since it came."""
    made = decisions.c
    return (
        query.where(made.dataset == new.dataset, made.digest == new.digest, made.at >= new.at)
        .order_by(made.at.desc())
        .limit(MOST_ROWS)
    )


def _count(made: list[str]) -> Approvals:
    return Approvals(len(made), made.count("approve"))
