"""Windows: which decisions of a package a drift check looks at, read a part at a time.

Windows of a package do not overlap: each begins where the last one that was judged ended, or
later. A check that is run again for the same time finds the same window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy import ColumnElement, Select, func, select

from credit.expressions import FloatArray
from credit.plan import MonitoringPlan
from credit.policy import DecisionArray
from services.ledger.errors import LedgerError
from services.ledger.reports import DriftReport, drift_report_of_window, newest_drift_report
from services.ledger.store import Ledger
from services.ledger.tables import decisions

PART = 5_000


class WindowError(LedgerError):
    """A time was asked for that earlier windows cover already; the message says up to when."""


@dataclass(frozen=True)
class DecisionWindow:
    """A time of a package's decisions: from `start` on, and before `end`.

    report: what a check before this one has stored of this window.
    """

    dataset: str
    digest: str
    start: datetime
    end: datetime
    rows: int
    report: DriftReport | None = None


@dataclass(frozen=True)
class Part:
    """Some decisions of a window, in the order of their time.

    fields: as they were checked and stored. probability: of default [rows]. decision: [rows].
    unreadable: ids of those whose payload cannot be read; they are in none of the others.
    """

    fields: list[Mapping[str, Any]]
    probability: FloatArray
    decision: DecisionArray
    unreadable: tuple[UUID, ...]


def find_window(
    ledger: Ledger, dataset: str, digest: str, now: datetime, plan: MonitoringPlan
) -> DecisionWindow:
    """The window that ends now, of decisions of one package that were not judged before.

    By time it reaches back `window_hours`, by count to the newest `window_rows` decisions.

    Raises:
        WindowError: windows that are judged reach beyond `now`.
        LedgerError: the ledger cannot be read.
    """
    last = newest_drift_report(ledger, dataset, digest)
    if last and last.window_end >= now:
        return _judged(ledger, last, now)
    begin = last.window_end if last else None
    if plan.window_rows:
        start = _start_by_count(ledger, _of(dataset, digest, begin, now), plan.window_rows)
        start = start or begin or now
    else:
        earliest = now - timedelta(hours=plan.window_hours)
        start = max(begin, earliest) if begin else earliest
    return DecisionWindow(
        dataset, digest, start, now, _count(ledger, _of(dataset, digest, start, now))
    )


def read_window(ledger: Ledger, window: DecisionWindow) -> Iterator[Part]:
    """The decisions of a window that are not purged; nothing is held open between two parts.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    query = (
        select(
            decisions.c.id,
            decisions.c.at,
            decisions.c.probability,
            decisions.c.decision,
            decisions.c.payload,
        )
        .where(_of(window.dataset, window.digest, window.start, window.end))
        .order_by(decisions.c.at, decisions.c.id)
        .limit(PART)
    )
    some = _rows(ledger, query)
    while some:
        yield _part(some)
        at, id_ = some[-1].at, some[-1].id
        later = (decisions.c.at > at) | ((decisions.c.at == at) & (decisions.c.id > id_))
        # The first condition says nothing new, but an index can use it.
        some = _rows(ledger, query.where(decisions.c.at >= at, later))


def _judged(ledger: Ledger, last: DriftReport, now: datetime) -> DecisionWindow:
    report = drift_report_of_window(ledger, last.dataset, last.digest, now)
    if report is None:
        raise WindowError(
            f"the drift of {last.dataset} is judged up to {last.window_end:%Y-%m-%d %H:%M:%S} UTC "
            f"already, {now:%Y-%m-%d %H:%M:%S} was asked for; name a later time"
        )
    which = _of(report.dataset, report.digest, report.window_start, report.window_end)
    return DecisionWindow(
        report.dataset,
        report.digest,
        report.window_start,
        report.window_end,
        _count(ledger, which),
        report,
    )


def _of(dataset: str, digest: str, start: datetime | None, end: datetime) -> ColumnElement[bool]:
    within = (
        (decisions.c.dataset == dataset)
        & (decisions.c.digest == digest)
        & (decisions.c.at < end)
        & decisions.c.payload.is_not(None)
    )
    return within if start is None else within & (decisions.c.at >= start)


def _start_by_count(ledger: Ledger, which: ColumnElement[bool], rows: int) -> datetime | None:
    """When the oldest of the newest `rows` was decided, or the oldest of fewer; none of none."""
    newest = select(decisions.c.at).where(which).order_by(decisions.c.at.desc()).limit(rows)
    with ledger.reading() as connection:
        start: datetime | None = connection.scalar(select(func.min(newest.subquery().c.at)))
    return start


def _count(ledger: Ledger, which: ColumnElement[bool]) -> int:
    with ledger.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(decisions).where(which)) or 0)


def _rows(ledger: Ledger, query: Select[tuple[Any, ...]]) -> list[Any]:
    with ledger.reading() as connection:
        return list(connection.execute(query).all())


def _part(rows: list[Any]) -> Part:
    read = [_fields(row.payload) for row in rows]
    legible = [(row, fields) for row, fields in zip(rows, read, strict=True) if fields is not None]
    return Part(
        fields=[fields for _, fields in legible],
        probability=np.array([row.probability for row, _ in legible], dtype=np.float64),
        decision=np.array([row.decision for row, _ in legible], dtype=object),
        unreadable=tuple(row.id for row, fields in zip(rows, read, strict=True) if fields is None),
    )


def _fields(payload: str) -> Mapping[str, Any] | None:
    """The fields of a payload; none where it was changed so that it has none."""
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    fields = content.get("fields") if isinstance(content, dict) else None
    return cast(Mapping[str, Any], fields) if isinstance(fields, dict) else None
