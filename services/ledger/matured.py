"""What became of decisions, and which of them have matured.

An outcome counts only when the full horizon since the decision has passed, good or bad: bads are
known earlier, and counting them before the goods of their month can be known would overstate the
bad rate. Outcomes exist only for applications that were approved, by the model or by a person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import Connection, select

from credit.policy import Decision
from services.ledger.database import A_STATEMENT
from services.ledger.months import months_after
from services.ledger.reviews import Verdict
from services.ledger.store import Ledger
from services.ledger.tables import decisions, outcomes, reviews

# Months differ by so much: what `months_after` cuts off at a month's end.
LONGEST_CUT = timedelta(days=3)


@dataclass(frozen=True)
class Case:
    """A decision, what a person made of it, and what became of it.

    decision: the model's. verdict: of the newest review, if there is one. bad: by the newest
    outcome, none where nothing is known yet. payload: none after a purge.
    """

    id: UUID
    at: datetime
    digest: str
    probability: float
    decision: Decision
    payload: str | None
    verdict: Verdict | None = None
    bad: bool | None = None

    @property
    def final(self) -> Decision:
        """What it came to: the person's word, where there is one."""
        return self.verdict or self.decision

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """The fields that were decided on, as JSON has them; none after a purge."""
        if self.payload is None:
            return None
        return cast(Mapping[str, Any], orjson.loads(self.payload)["fields"])


def read_cases(
    ledger: Ledger, dataset: str, since: datetime | None, until: datetime
) -> Iterator[list[Case]]:
    """Decisions after `since` up to `until`, a thousand at a time and the oldest id first.

    Outcomes count that had been observed on the day of `until`. Nothing is held open between two
    parts.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    yield from _read(ledger, dataset, since, until, until.date())


def read_due(
    ledger: Ledger,
    dataset: str,
    horizon_months: int,
    now: datetime,
    since: datetime | None = None,
) -> Iterator[list[Case]]:
    """Approved applications whose full horizon had passed by `now`, their outcomes known or not.

    Args:
        ledger: where the decisions are.
        dataset: of which data set.
        horizon_months: from a decision until its outcome counts.
        now: outcomes that were observed later are not known.
        since: only those whose horizon ended after it: no model could be trained on them before.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    first = months_after(since, -horizon_months) - LONGEST_CUT if since else None
    last = months_after(now, -horizon_months) + LONGEST_CUT
    for cases in _read(ledger, dataset, first, last, now.date()):
        yield [
            case
            for case in cases
            if case.final == "approve"
            and has_matured(case.at, horizon_months, now)
            and not (since and has_matured(case.at, horizon_months, since))
        ]


def read_matured(
    ledger: Ledger,
    dataset: str,
    horizon_months: int,
    now: datetime,
    since: datetime | None = None,
) -> Iterator[list[Case]]:
    """Those of `read_due` whose outcomes are known; no part is empty.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    for cases in read_due(ledger, dataset, horizon_months, now, since):
        known = [case for case in cases if case.bad is not None]
        if known:
            yield known


def has_matured(at: datetime, horizon_months: int, now: datetime) -> bool:
    """Whether the outcome of a decision may count, if it is known."""
    return months_after(at, horizon_months) <= now


def _read(
    ledger: Ledger, dataset: str, since: datetime | None, until: datetime, known_by: date
) -> Iterator[list[Case]]:
    after = UUID(int=0)
    while some := _after(ledger, dataset, since, until, known_by, after):
        yield some
        after = some[-1].id


def _after(
    ledger: Ledger,
    dataset: str,
    since: datetime | None,
    until: datetime,
    known_by: date,
    after: UUID,
) -> list[Case]:
    query = select(
        decisions.c.id,
        decisions.c.at,
        decisions.c.digest,
        decisions.c.probability,
        decisions.c.decision,
        decisions.c.payload,
    ).where(decisions.c.dataset == dataset, decisions.c.at <= until, decisions.c.id > after)
    if since is not None:
        query = query.where(decisions.c.at > since)
    with ledger.reading() as connection:
        page = query.order_by(decisions.c.id).limit(A_STATEMENT)
        rows = connection.execute(page).mappings().all()
        ids = [row["id"] for row in rows]
        verdicts, fates = _verdicts(connection, ids), _fates(connection, ids, known_by)
    return [Case(**row, verdict=verdicts.get(row["id"]), bad=fates.get(row["id"])) for row in rows]


def _verdicts(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Verdict]:
    query = select(reviews.c.decision_id, reviews.c.decision).where(reviews.c.decision_id.in_(ids))
    rows = connection.execute(query.order_by(reviews.c.at, reviews.c.id))
    return {row.decision_id: row.decision for row in rows}  # the newest comes last


def _fates(connection: Connection, ids: Sequence[UUID], known_by: date) -> dict[UUID, bool]:
    query = select(outcomes.c.decision_id, outcomes.c.bad).where(
        outcomes.c.decision_id.in_(ids), outcomes.c.observed_on <= known_by
    )
    rows = connection.execute(query.order_by(outcomes.c.at, outcomes.c.id))
    return {row.decision_id: row.bad for row in rows}  # the newest comes last
