"""The challenger: a package that scores beside the champion and never answers anybody."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Row, func, insert, select
from uuid_utils.compat import uuid7

from credit.expressions import FloatArray
from credit.intervals import wilson
from credit.policy import DECISIONS, Decision
from services.ledger.store import Ledger
from services.ledger.tables import challengers, decisions, newest_first, shadow_decisions

MOST_COMPARED = 20_000
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True)
class Challenger:
    """Which package scores beside the champion of a data set, from when on, and who said so.

    digest, uri and family are none where the last one was stopped.
    """

    id: UUID
    at: datetime
    dataset: str
    digest: str | None
    uri: str | None
    family: str | None
    actor: str
    reason: str


@dataclass(frozen=True)
class ShadowDecision:
    """What the challenger would have decided."""

    decision_id: UUID
    digest: str
    at: datetime
    probability: float
    score: int
    decision: Decision


def current_challenger(ledger: Ledger, dataset: str) -> Challenger | None:
    """The challenger of a data set; raises LedgerError when it cannot be read."""
    query = (
        select(challengers)
        .where(challengers.c.dataset == dataset)
        .order_by(*newest_first(challengers))
        .limit(1)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    return Challenger(**row) if row and row["digest"] else None


def challenge(
    ledger: Ledger, dataset: str, digest: str, uri: str, family: str, actor: str, reason: str
) -> Challenger:
    """Let a package score beside the champion, in place of the challenger before it.

    Raises:
        LedgerError: the row could not be stored.
    """
    return _add(ledger, dataset, digest, uri, family, actor, reason)


def stop_challenger(ledger: Ledger, dataset: str, actor: str, reason: str) -> Challenger:
    """Let the champion score alone again; raises LedgerError when that could not be stored."""
    return _add(ledger, dataset, None, None, None, actor, reason)


def _add(
    ledger: Ledger,
    dataset: str,
    digest: str | None,
    uri: str | None,
    family: str | None,
    actor: str,
    reason: str,
) -> Challenger:
    row = Challenger(uuid7(), datetime.now(UTC), dataset, digest, uri, family, actor, reason)
    with ledger.writing() as connection:
        connection.execute(insert(challengers), asdict(row))
    return row


def store_shadow(ledger: Ledger, rows: Sequence[ShadowDecision]) -> None:
    """Store what the challenger would have decided; raises LedgerError when that fails."""
    with ledger.writing() as connection:
        connection.execute(insert(shadow_decisions), [asdict(row) for row in rows])


def shadow_comparison(
    ledger: Ledger, dataset: str, digest: str, champion: str | None = None
) -> dict[str, Any]:
    """The challenger beside the champion, on the newest applications that both have scored.

    Args:
        ledger: where both are stored.
        dataset: whose decisions are compared.
        digest: the challenger's.
        champion: the champion's digest; none: whichever decided.

    Returns:
        scored: applications in all. n: those compared, at most MOST_COMPARED. Without any, nothing
        else. first_at, last_at: when they were decided. agreement: the share decided alike.
        decisions: by the champion's decision, then the challenger's. approval_rate: of each, with
        Wilson's 95% interval. probability_difference: challenger less champion, as mean and
        quantiles. rank_correlation: Spearman's; none where all scores of one are equal.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    shadow, other = shadow_decisions.c, decisions.c
    wanted = [shadow.digest == digest, other.dataset == dataset]
    if champion:
        wanted.append(other.digest == champion)
    both = shadow_decisions.join(decisions, shadow.decision_id == other.id)
    newest = (
        select(other.at, other.decision, other.probability, shadow.decision, shadow.probability)
        .select_from(both)
        .where(*wanted)
        .order_by(shadow.at.desc())
        .limit(MOST_COMPARED)
    )
    with ledger.reading() as connection:
        scored = connection.scalar(select(func.count()).select_from(both).where(*wanted))
        rows = connection.execute(newest).all()
    counts: dict[str, Any] = {"scored": scored, "n": len(rows)}
    return {**counts, **_compare(rows)} if rows else counts


def _compare(rows: Sequence[Row[Any]]) -> dict[str, Any]:
    times, ours, our_probability, theirs, their_probability = zip(*rows, strict=True)
    pairs = list(zip(ours, theirs, strict=True))
    ours_p, theirs_p = np.array(our_probability), np.array(their_probability)
    return {
        "first_at": min(times).isoformat(),
        "last_at": max(times).isoformat(),
        "agreement": sum(one == other for one, other in pairs) / len(pairs),
        "decisions": {
            one: {other: pairs.count((one, other)) for other in DECISIONS} for one in DECISIONS
        },
        "approval_rate": {"champion": _approved(ours), "challenger": _approved(theirs)},
        "probability_difference": _difference(theirs_p - ours_p),
        "rank_correlation": _rank_correlation(ours_p, theirs_p),
    }


def _approved(decided: Sequence[Decision]) -> dict[str, float]:
    approved = decided.count("approve")
    low, high = wilson(approved, len(decided))
    return {"rate": approved / len(decided), "low": low, "high": high}


def _difference(difference: FloatArray) -> dict[str, float]:
    quantiles = np.quantile(difference, QUANTILES).tolist()
    named = {f"q{share:g}": value for share, value in zip(QUANTILES, quantiles, strict=True)}
    return {"mean": float(difference.mean()), **named}


def _rank_correlation(one: FloatArray, other: FloatArray) -> float | None:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks in which equal values share their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
