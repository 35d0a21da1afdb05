"""The hash chain of a writer: each decision's hash covers the one before it."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

# What the first decision of a chain is chained to, together with the chain's id.
START = "0" * 64


@dataclass(frozen=True)
class Tip:
    """Where a chain stands: how many decisions it has, and the hash of the last one."""

    chain: UUID
    count: int = 0
    head: str = START


def payload_hash(payload: str) -> str:
    """sha256 of a payload; it stays when a purge erases the payload itself."""
    return hashlib.sha256(payload.encode()).hexdigest()


def link(
    previous: str,
    chain: UUID,
    position: int,
    decision_id: UUID,
    at: datetime,
    dataset: str,
    digest: str,
    probability: float,
    score: int,
    decision: str,
    payload: str,
) -> str:
    """The hash of a decision in its chain.

    Args:
        previous: the hash at the position before, or `START`.
        payload: the hash of the payload.
    """
    covered = (
        previous,
        chain,
        position,
        decision_id,
        at.astimezone(UTC).isoformat(timespec="microseconds"),
        dataset,
        digest,
        probability,
        score,
        decision,
        payload,
    )
    return hashlib.sha256(orjson.dumps(covered)).hexdigest()
