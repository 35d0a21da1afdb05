"""Promotions inside a transaction: requests, decisions, and what ends without one.

Every function takes a connection on which an exclusive transaction is open where it writes.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, insert, select
from uuid_utils.compat import uuid7

from credit.package import VERSION_DIGITS
from services.ledger.errors import PromotionError
from services.ledger.records import (
    ApiKey,
    Candidate,
    Decision,
    Promotion,
    PromotionDecision,
    State,
)
from services.ledger.tables import newest_first, promotion_decisions, promotions

_OVER: dict[State, str] = {
    "approved": "is approved already",
    "rejected": "was rejected",
    "lapsed": "has lapsed",
    "refused": "was refused by the gates",
}


def add(
    connection: Connection,
    candidate: Candidate,
    verdict: Mapping[str, Any],
    now: datetime,
    days: float,
) -> Promotion:
    """Store a request with the verdict of the gates."""
    promotion = Promotion(
        id=uuid7(),
        at=now,
        expires_at=now + timedelta(days=days),
        outcome=verdict["overall"],
        verdict=dict(verdict),
        **asdict(candidate),
    )
    row = asdict(promotion)
    del row["decision"]
    connection.execute(insert(promotions), row)
    return promotion


def decide(
    connection: Connection,
    promotion: Promotion,
    decision: Decision,
    key: ApiKey | None,
    reason: str,
    now: datetime,
) -> Promotion:
    """Store the end of a promotion; the table takes one for each."""
    row = PromotionDecision(
        promotion_id=promotion.id,
        at=now,
        decision=decision,
        key_owner=key.owner if key else None,
        key_id=key.id if key else None,
        reason=reason,
    )
    connection.execute(insert(promotion_decisions), asdict(row))
    return replace(promotion, decision=row)


def lapse_stale(
    connection: Connection, dataset: str, in_production: str | None, now: datetime
) -> None:
    """End what waited too long, and what was judged against a champion that is gone."""
    for promotion in select_all(connection, dataset):
        if promotion.decision or promotion.outcome == "refuse":
            continue
        reason = _staleness(promotion, in_production, now)
        if reason:
            decide(connection, promotion, "lapse", None, reason, now)


def _staleness(promotion: Promotion, in_production: str | None, now: datetime) -> str:
    if promotion.expires_at <= now:
        return f"nobody decided until {promotion.expires_at:%Y-%m-%d %H:%M} UTC"
    if promotion.champion != in_production:
        return changed(promotion.champion, in_production)
    return ""


def changed(compared_with: str | None, in_production: str | None) -> str:
    """Why a comparison says nothing any more."""
    return (
        f"it was compared with {_version(compared_with)}, but {_version(in_production)} is in "
        "production by now; train again"
    )


def select_all(connection: Connection, dataset: str | None = None) -> list[Promotion]:
    """All promotions, or those of a data set, the newest first."""
    query = _with_decisions().order_by(*newest_first(promotions))
    if dataset is not None:
        query = query.where(promotions.c.dataset == dataset)
    return [_read(row) for row in connection.execute(query).mappings()]


def select_one(connection: Connection, promotion_id: UUID) -> Promotion:
    """A promotion by its id; raises PromotionError when there is none."""
    query = _with_decisions().where(promotions.c.id == promotion_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise PromotionError(
            f"there is no promotion {promotion_id}; `creditloop models` lists those there are"
        )
    return _read(row)


def select_of_run(connection: Connection, run_id: str) -> Promotion | None:
    """The promotion that a training run asked for."""
    query = _with_decisions().where(promotions.c.run_id == run_id)
    row = connection.execute(query).mappings().first()
    return _read(row) if row else None


def check_open(promotion: Promotion, now: datetime) -> None:
    """Raise PromotionError unless the promotion waits for a decision."""
    state = promotion.state(now)
    if state == "waiting":
        return
    why = promotion.decision.reason if promotion.decision else ""
    if state == "refused":
        why = promotion.verdict["reason"]
    if state == "lapsed" and not why:
        why = _staleness(promotion, promotion.champion, now)
    raise PromotionError(f"promotion {promotion.id} {_OVER[state]}: {why}")


def check_approver(promotion: Promotion, key: ApiKey, requester_may_approve: bool) -> None:
    """Raise PromotionError when the key is the requester's own and that is not allowed."""
    if requester_may_approve or not same_person(key.owner, promotion.requester):
        return
    raise PromotionError(
        f"promotion {promotion.id} was asked for by {promotion.requester}, and key {key.id} is "
        f"{key.owner}'s own; another person must decide"
    )


def same_person(owner: str, requester: str) -> bool:
    """Whether the owner of a key is who asked.

    A requester that came through a deployment carries its name in brackets; case does not count.

    >>> same_person("Ana", "ana (training deployment)"), same_person("ana", "anabel")
    (True, False)
    """

    def name(text: str) -> str:
        return text.partition(" (")[0].strip().casefold()

    return name(owner) == name(requester)


def _with_decisions() -> Select[Any]:
    decided = (column.label(f"decision_{column.name}") for column in promotion_decisions.c)
    return select(*promotions.c, *decided).outerjoin(promotion_decisions)


def _read(row: Mapping[Any, Any]) -> Promotion:
    decided = {
        name: row[f"decision_{name}"]
        for name in promotion_decisions.c.keys()  # noqa: SIM118 columns
    }
    own = {name: row[name] for name in promotions.c.keys()}  # noqa: SIM118 columns
    decision = PromotionDecision(**decided) if decided["promotion_id"] else None
    return Promotion(**own, decision=decision)


def _version(digest: str | None) -> str:
    return f"version {digest[:VERSION_DIGITS]}" if digest else "no model"
