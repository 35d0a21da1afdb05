"""Decisions to store, for tests that need no model."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.ledger import Ledger
from services.ledger.journal import Journal, Kept, NewDecision

DATASET = "tiny-credit"


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


def store(ledger: Ledger, rows: Sequence[NewDecision]) -> list[Kept]:
    """Store them as one request, in a chain of their own."""
    with closing(Journal(ledger.engine, most_waiting=100_000)) as journal:
        return asyncio.run(journal.store(rows))


def decide(ledger: Ledger, **changes: Any) -> UUID:
    """Store one decision and return its id."""
    row = new_decision(**changes)
    assert store(ledger, [row]) == [Kept("stored")]
    return row.id
