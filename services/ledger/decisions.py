"""Decisions: as they are to be stored, what becomes of them, and as they are read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Select, select

from credit.policy import Decision
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
