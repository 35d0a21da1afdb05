"""One decision with all that was ever added to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, select

from services.ledger.challengers import ShadowDecision
from services.ledger.decisions import StoredDecision, select_decision
from services.ledger.holds import LegalHold
from services.ledger.outcomes import Outcome
from services.ledger.reviews import Review
from services.ledger.store import Ledger
from services.ledger.tables import legal_holds, outcomes, reviews, shadow_decisions


@dataclass(frozen=True)
class DecisionHistory:
    """A decision and what was added to it, the oldest first."""

    decision: StoredDecision
    outcomes: tuple[Outcome, ...]
    reviews: tuple[Review, ...]
    shadows: tuple[ShadowDecision, ...]
    holds: tuple[LegalHold, ...]


def decision_history(ledger: Ledger, decision_id: UUID) -> DecisionHistory:
    """A decision with its outcomes, reviews, shadow scores and legal holds.

    Raises:
        UnknownDecisionError: there is no such decision.
        LedgerError: the ledger cannot be read.
    """
    with ledger.reading() as connection:
        return DecisionHistory(
            decision=select_decision(connection, decision_id),
            outcomes=tuple(Outcome(**row) for row in _rows(connection, outcomes, decision_id)),
            reviews=tuple(Review(**row) for row in _rows(connection, reviews, decision_id)),
            shadows=tuple(
                ShadowDecision(**row) for row in _rows(connection, shadow_decisions, decision_id)
            ),
            holds=tuple(LegalHold(**row) for row in _rows(connection, legal_holds, decision_id)),
        )


def _rows(connection: Connection, table: Table, decision_id: UUID) -> Sequence[Mapping[Any, Any]]:
    query = select(table).where(table.c.decision_id == decision_id).order_by(table.c.at)
    return connection.execute(query).mappings().all()
