"""Decisions to store, for tests that need no model."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.ledger import Ledger
from services.ledger.decisions import Kept, NewDecision
from services.ledger.journal import Journal

DATASET = "tiny-credit"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def new_decision(**changes: Any) -> NewDecision:
    values: dict[str, Any] = {
        "id": uuid7(),
        "at": datetime.now(UTC),
        "dataset": DATASET,
        "digest": "ab" * 32,
        "probability": 0.25,
        "score": 512,
        "decision": "review",
        "payload": '{"fields":{"amount":1000}}',
    }
    return NewDecision(**values | changes)


def claiming(*names: str, body: str = "body", at: datetime = NOW, **changes: Any) -> NewDecision:
    """A decision whose claims hold for a day."""
    until = at + timedelta(hours=24)
    return new_decision(claims=names, body_hash=body, at=at, claimed_until=until, **changes)


def store(ledger: Ledger, rows: Sequence[NewDecision]) -> list[Kept]:
    """Store them as one request, in a chain of their own."""
    with closing(Journal(ledger.engine, most_waiting=100_000)) as journal:
        return asyncio.run(journal.store(rows))


def decide(ledger: Ledger, **changes: Any) -> UUID:
    """Store one decision and return its id."""
    row = new_decision(**changes)
    assert store(ledger, [row]) == [Kept("stored")]
    return row.id
