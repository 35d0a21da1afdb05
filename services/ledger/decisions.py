"""Decisions as they are read back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from credit.policy import Decision
from services.ledger.store import Ledger
from services.ledger.tables import decisions


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
        query = select(decisions).where(decisions.c.id == decision_id)
        row = connection.execute(query).mappings().first()
    return StoredDecision(**row) if row else None
