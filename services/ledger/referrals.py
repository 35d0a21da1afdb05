"""The kill switch: while it is on, every application of a data set goes to review."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, insert, select
from uuid_utils.compat import uuid7

from services.ledger.database import keep_out_decisions, time_after
from services.ledger.store import Ledger
from services.ledger.tables import newest_first, referrals


@dataclass(frozen=True)
class Referral:
    """One move of the switch: who moved it, when and why."""

    id: UUID
    at: datetime
    dataset: str
    is_on: bool
    actor: str
    reason: str


def current_referral(ledger: Ledger, dataset: str) -> Referral | None:
    """The newest move; None: the switch was never touched."""
    with ledger.reading() as connection:
        row = connection.execute(_newest_first(dataset).limit(1)).mappings().first()
    return Referral(**row) if row else None


def refer_all(ledger: Ledger, dataset: str, is_on: bool, actor: str, reason: str) -> Referral:
    """Move the switch. No decision that is stored afterwards was made without it."""
    with ledger.writing() as connection:
        keep_out_decisions(connection)
        before = connection.execute(_newest_first(dataset).limit(1)).mappings().first()
        at = time_after(before["at"] if before else None)
        referral = Referral(uuid7(), at, dataset, is_on, actor, reason)
        connection.execute(insert(referrals), asdict(referral))
    return referral


def _newest_first(dataset: str) -> Select[tuple[object, ...]]:
    return (
        select(referrals).where(referrals.c.dataset == dataset).order_by(*newest_first(referrals))
    )
