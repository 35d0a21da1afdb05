"""A lender's past: applications decided on by the tiny model, reviewed, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import orjson
from uuid_utils.compat import uuid7

from credit.package import Package
from credit.underwriting import Judgement, Underwriter
from services.application import stored_applications
from services.ledger import Ledger
from services.ledger.decisions import NewDecision
from services.ledger.outcomes import NewOutcome, report_outcomes
from tests.services.deciding import store


@dataclass(frozen=True)
class Decided:
    """One stored decision."""

    id: UUID
    fields: dict[str, object]
    judgement: Judgement

    @property
    def is_approved(self) -> bool:
        return self.judgement.decision == "approve"


def applications(rows: int, seed: int = 1, **fixed: object) -> list[dict[str, object]]:
    """Fields as a payload keeps them; `fixed` ones are the same in all."""
    draw = np.random.default_rng(seed)
    return [
        {
            "status": draw.choice(["1", "2", "3"]),
            "duration": float(draw.integers(4, 73)),
            "amount": float(draw.integers(100, 9000)),
            "bureau score": float(draw.integers(300, 1000)),
            "purpose": draw.choice(["car", "tv", "house"]),
            "applied": "2024-05-17",
            "opened": "2019-11-02",
            **fixed,
        }
        for _ in range(rows)
    ]


def lend(
    ledger: Ledger,
    package: Package,
    at: datetime,
    rows: Sequence[dict[str, object]],
    protected: Sequence[dict[str, object] | None] | None = None,
) -> list[Decided]:
    """Decide on applications a second after each other, and store it."""
    judgements = Underwriter(package).judge(stored_applications(rows, package.schema), "none")
    ids = [uuid7() for _ in rows]
    attributes = protected or [None] * len(rows)
    store(
        ledger,
        [
            NewDecision(
                id=ids[place],
                at=at + timedelta(seconds=place),
                dataset=package.schema.name,
                digest=package.digest,
                probability=judgement.probability,
                score=judgement.score,
                decision=judgement.decision,
                payload=orjson.dumps({"fields": rows[place]}).decode(),
                protected=attributes[place],
            )
            for place, judgement in enumerate(judgements)
        ],
    )
    return [Decided(*each) for each in zip(ids, rows, judgements, strict=True)]


def come_true(
    ledger: Ledger, decided: Sequence[Decided], on: datetime, times: float = 1.0, seed: int = 2
) -> dict[UUID, bool]:
    """Report outcomes of what was approved, bad `times` as often as the model said."""
    draw = np.random.default_rng(seed)
    fates = {
        each.id: bool(draw.random() < times * each.judgement.probability)
        for each in decided
        if each.is_approved
    }
    reported = [NewOutcome(id_, bad=bad, observed_on=on.date()) for id_, bad in fates.items()]
    report_outcomes(ledger, reported, "ben")
    return fates
