"""Legal holds: decisions that a purge must pass by."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from uuid_utils.compat import uuid7

from services.ledger.database import time_after
from services.ledger.decisions import select_decision
from services.ledger.store import Ledger
from services.ledger.tables import legal_holds


@dataclass(frozen=True)
class LegalHold:
    """A hold that was laid on a decision, or lifted; the newest counts."""

    id: UUID
    at: datetime
    decision_id: UUID
    is_on: bool
    actor: str
    reason: str


def hold(ledger: Ledger, decision_id: UUID, is_on: bool, actor: str, reason: str) -> LegalHold:
    """Lay a hold on a decision or lift it.

    Raises:
        UnknownDecisionError: there is no such decision.
        LedgerError: it could not be stored.
    """
    newest = select(func.max(legal_holds.c.at)).where(legal_holds.c.decision_id == decision_id)
    with ledger.writing() as connection:
        select_decision(connection, decision_id, for_update=True)
        at = time_after(connection.scalar(newest))
        row = LegalHold(uuid7(), at, decision_id, is_on, actor, reason)
        connection.execute(insert(legal_holds), asdict(row))
    return row
