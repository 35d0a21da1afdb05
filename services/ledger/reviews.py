"""What people decided, on referred applications and against the model."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, select
from uuid_utils.compat import uuid7

from services.ledger.database import time_after
from services.ledger.decisions import select_decision
from services.ledger.records import ApiKey
from services.ledger.store import Ledger
from services.ledger.tables import newest_first, reviews
from services.people import user

Verdict = Literal["approve", "decline"]


@dataclass(frozen=True)
class Review:
    """A person's decision; the newest on an application counts.

    is_override: the model had approved or declined, and the person decided otherwise. What the
    model referred to a person is nobody's to override.
    """

    id: UUID
    at: datetime
    decision_id: UUID
    decision: Verdict
    is_override: bool
    reviewer: str
    key_id: str | None
    reason: str


def review(
    ledger: Ledger, decision_id: UUID, decision: Verdict, reason: str, key: ApiKey | None
) -> Review:
    """Add a person's decision; who says the same again adds nothing.

    Args:
        ledger: where the model's decision is.
        decision_id: of the model's decision.
        decision: the person's.
        reason: why; it may not be empty.
        key: the person's; none where the service asks for none, then it is this process's user.

    Raises:
        ValueError: there is no reason.
        UnknownDecisionError: there is no such decision.
        LedgerError: it could not be stored.
    """
    if not reason.strip():
        raise ValueError("a review needs its reason")
    reviewer, key_id = (key.owner, key.id) if key else (user(), None)
    with ledger.writing() as connection:
        of_model = select_decision(connection, decision_id, for_update=True).decision
        before = _newest(connection, decision_id)
        said = (decision, reviewer, reason.strip())
        if before and (before.decision, before.reviewer, before.reason) == said:
            return before
        row = Review(
            id=uuid7(),
            at=time_after(before.at if before else None),
            decision_id=decision_id,
            decision=decision,
            is_override=of_model not in ("review", decision),
            reviewer=reviewer,
            key_id=key_id,
            reason=reason.strip(),
        )
        connection.execute(insert(reviews), asdict(row))
    return row


def _newest(connection: Connection, decision_id: UUID) -> Review | None:
    query = select(reviews).where(reviews.c.decision_id == decision_id)
    newest = query.order_by(*newest_first(reviews)).limit(1)
    row = connection.execute(newest).mappings().first()
    return Review(**row) if row else None
