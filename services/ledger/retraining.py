"""Retrain requests: why a model is to be trained again, and what became of that.

A request is a row, and so is whatever happens to it: each start of a run, the wait in the
champion's shadow or for a person, and its one end. A data set has at most one that is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, insert, select
from uuid_utils.compat import uuid7

from credit.triggers import AccuracyReading, DriftReading, Memory, TriggerName
from services.ledger.errors import LedgerError
from services.ledger.reports import (
    PerformanceReport,
    drift_history,
    newest_performance_report,
)
from services.ledger.store import Ledger
from services.ledger.tables import newest_first, retrain_events, retrain_requests

Kind = Literal["started", "shadowing", "waiting", "closed"]
Outcome = Literal[
    "promoted",
    "unchanged",
    "refused",
    "rejected",
    "lapsed",
    "escalated",
    "cancelled",
    "failed",
]
State = Literal["requested", "started", "shadowing", "waiting", "closed"]


class CooldownError(LedgerError):
    """The last request is too fresh for another that no person asks for; says until when."""


class RequestClosedError(LedgerError):
    """Nothing can happen to a request any more; the message says what became of it."""


@dataclass(frozen=True)
class NewRequest:
    """A request as it is asked for.

    trigger: what has it made; `manual` is a person's, whom no cooldown holds back.
    reason: why, in words. requester: the person or job.
    idempotency_key: asking again with it for the same data set changes nothing.
    """

    dataset: str
    trigger: TriggerName
    reason: str
    requester: str
    idempotency_key: str


@dataclass(frozen=True)
class RetrainEvent:
    """One thing that happened to a request.

    kind: `started`: a run took it up. `shadowing`: the new model scores beside the champion.
    waiting: it waits for a person's approval. `closed`: the end, with its outcome.
    digest: the package it is about, where there is one.
    detail: what a later run needs to go on.
    """

    request_id: UUID
    position: int
    at: datetime
    kind: Kind
    run_id: str | None
    outcome: Outcome | None
    digest: str | None
    note: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class RetrainRequest:
    """A request and all that happened to it, the oldest first."""

    id: UUID
    at: datetime
    dataset: str
    trigger: TriggerName
    reason: str
    requester: str
    idempotency_key: str
    events: tuple[RetrainEvent, ...] = ()

    @property
    def last(self) -> RetrainEvent | None:
        """What happened last."""
        return self.events[-1] if self.events else None

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.last.kind if self.last else "requested"

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done about it."""
        return self.state != "closed"

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs that took it up."""
        return tuple(each.run_id for each in self.events if each.kind == "started" and each.run_id)


def ask(
    ledger: Ledger, wanted: NewRequest, now: datetime, cooldown_hours: float
) -> tuple[RetrainRequest, bool]:
    """Ask for a retraining, unless that was asked for already.

    Whoever asks while another request of the data set is open gets that one: one at a time.

    Returns:
        The request, and whether it is a new one.

    Raises:
        CooldownError: it is no person's, and the newest request is younger than the cooldown.
        LedgerError: it could not be stored.
    """
    with ledger.exclusive() as connection:
        known = _select(connection, wanted.dataset)
        same = [each for each in known if each.idempotency_key == wanted.idempotency_key]
        open_ones = [each for each in known if each.is_open]
        if same or open_ones:
            return (same or open_ones)[0], False
        _check_cooldown(known, wanted, now, cooldown_hours)
        at = _after(known, now)
        request = RetrainRequest(id=uuid7(), at=at, **asdict(wanted))
        row = asdict(request)
        del row["events"]
        connection.execute(insert(retrain_requests), row)
    return request, True


def find_request(ledger: Ledger, request_id: UUID) -> RetrainRequest | None:
    """A request by its id; raises LedgerError when the ledger cannot be read."""
    with ledger.reading() as connection:
        return _find(connection, request_id)


def requests(ledger: Ledger, dataset: str) -> list[RetrainRequest]:
    """All requests of a data set, the newest first; raises LedgerError."""
    with ledger.reading() as connection:
        return _select(connection, dataset)


def next_open(ledger: Ledger, dataset: str) -> RetrainRequest | None:
    """The request of a data set that is open, if one is; raises LedgerError."""
    return next((each for each in requests(ledger, dataset) if each.is_open), None)


def start(ledger: Ledger, request_id: UUID, run_id: str, now: datetime) -> RetrainRequest:
    """Note that a run takes up a request; a run that says so again changes nothing.

    Raises:
        RequestClosedError: it is closed.
        LedgerError: there is no such request, or it could not be stored.
    """
    with ledger.exclusive() as connection:
        request = _open_one(connection, request_id)
        if run_id not in request.run_ids:
            _add(connection, request, "started", now, run_id=run_id)
        return _must_find(connection, request_id)


def note(
    ledger: Ledger,
    request_id: UUID,
    kind: Literal["shadowing", "waiting"],
    digest: str,
    words: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> RetrainRequest:
    """Note that a request waits, in the champion's shadow or for a person; once is enough.

    Raises:
        RequestClosedError: it is closed.
        LedgerError: there is no such request, or it could not be stored.
    """
    with ledger.exclusive() as connection:
        request = _open_one(connection, request_id)
        if not any((each.kind, each.digest) == (kind, digest) for each in request.events):
            _add(connection, request, kind, now, digest=digest, note=words, detail=detail)
        return _must_find(connection, request_id)


def close(
    ledger: Ledger,
    request_id: UUID,
    outcome: Outcome,
    words: str,
    now: datetime,
    digest: str | None = None,
) -> RetrainRequest:
    """End a request; one that is closed keeps its first end.

    Raises:
        LedgerError: there is no such request, or it could not be stored.
    """
    with ledger.exclusive() as connection:
        request = _must_find(connection, request_id)
        if request.is_open:
            _add(connection, request, "closed", now, outcome=outcome, digest=digest, note=words)
        return _must_find(connection, request_id)


def memory(ledger: Ledger, dataset: str, now: datetime) -> Memory:
    """What the triggers need to know of a data set's past, up to `now`.

    Readings are of the model in production: what an earlier one was accused of is not its fault.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    asked = requests(ledger, dataset)
    requested_at = asked[0].at if asked else None
    current = ledger.current(dataset)
    if current is None:
        return Memory((), None, None, requested_at)
    since = first_deployed(ledger, dataset, current.digest)
    reports = drift_history(ledger, dataset, since, current.digest)
    drift = [
        DriftReading(each.window_end, each.score, _drifted_share(each.report))
        for each in reports
        if each.window_end <= now
    ]
    performance = newest_performance_report(ledger, dataset, current.digest)
    return Memory(drift, _accuracy(performance, now), since, requested_at)


def first_deployed(ledger: Ledger, dataset: str, digest: str) -> datetime:
    """When a model that is in production first came there: a rollback makes it no younger."""
    return min(row.at for row in ledger.history(dataset) if row.digest == digest)


def _after(known: Sequence[RetrainRequest], now: datetime) -> datetime:
    """A time after the newest request's, so that it is the newest one by any clock."""
    return max(now, known[0].at + timedelta(microseconds=1)) if known else now


def _check_cooldown(
    known: Sequence[RetrainRequest], wanted: NewRequest, now: datetime, hours: float
) -> None:
    if wanted.trigger == "manual" or not known:
        return
    until = known[0].at + timedelta(hours=hours)
    if now < until:
        raise CooldownError(
            f"the last retraining of {wanted.dataset} was asked for at {known[0].at:%Y-%m-%d %H:%M}"
            f" UTC; the next may be from {until:%Y-%m-%d %H:%M} UTC on, or at once when a person "
            "asks with `creditloop retrain`"
        )


def _drifted_share(report: Mapping[str, Any]) -> float:
    drift = report["drift"]
    return drift["drifted"] / len(drift["columns"]) if drift["columns"] else 0.0


def _accuracy(report: PerformanceReport | None, now: datetime) -> AccuracyReading | None:
    return report.accuracy_reading if report and report.at <= now else None


def _open_one(connection: Connection, request_id: UUID) -> RetrainRequest:
    request = _must_find(connection, request_id)
    if request.last and not request.is_open:
        raise RequestClosedError(
            f"retrain request {request_id} is closed: {request.last.outcome}, {request.last.note}"
        )
    return request


def _must_find(connection: Connection, request_id: UUID) -> RetrainRequest:
    found = _find(connection, request_id)
    if found is None:
        raise LedgerError(f"there is no retrain request {request_id}")
    return found


def _find(connection: Connection, request_id: UUID) -> RetrainRequest | None:
    query = select(retrain_requests).where(retrain_requests.c.id == request_id)
    rows = _with_events(connection, connection.execute(query).mappings().all())
    return rows[0] if rows else None


def _select(connection: Connection, dataset: str) -> list[RetrainRequest]:
    query = (
        select(retrain_requests)
        .where(retrain_requests.c.dataset == dataset)
        .order_by(*newest_first(retrain_requests))
    )
    return _with_events(connection, connection.execute(query).mappings().all())


def _with_events(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> list[RetrainRequest]:
    ids = [row["id"] for row in rows]
    query = (
        select(retrain_events)
        .where(retrain_events.c.request_id.in_(ids))
        .order_by(retrain_events.c.position)
    )
    events: dict[UUID, list[RetrainEvent]] = {each: [] for each in ids}
    for row in connection.execute(query).mappings():
        events[row["request_id"]].append(RetrainEvent(**row))
    return [RetrainRequest(**row, events=tuple(events[row["id"]])) for row in rows]


def _add(
    connection: Connection,
    request: RetrainRequest,
    kind: Kind,
    now: datetime,
    *,
    run_id: str | None = None,
    outcome: Outcome | None = None,
    digest: str | None = None,
    note: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    last = request.last
    event = RetrainEvent(
        request_id=request.id,
        position=last.position + 1 if last else 1,
        at=max(now, last.at if last else request.at),
        kind=kind,
        run_id=run_id,
        outcome=outcome,
        digest=digest,
        note=note,
        detail=dict(detail or {}),
    )
    connection.execute(insert(retrain_events), asdict(event))
