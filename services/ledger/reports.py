"""What monitoring found: the newest report of a data set feeds the gauges.

A report is of one package and one window. A check that is run again for a window finds the report
that is there, and stores nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Table, insert, select

from credit.intervals import Interval
from credit.shifts import Level
from credit.triggers import AccuracyReading
from services.ledger.errors import LedgerError
from services.ledger.store import Ledger
from services.ledger.tables import drift_reports, newest_first, performance_reports


@dataclass(frozen=True)
class DriftReport:
    """How far the applications of a window have moved from the reference of a package.

    at: when it was checked. The window begins with `window_start` and ends before `window_end`.
    level: of this window alone; `credit.shifts.alert` says what several mean.
    """

    id: UUID
    at: datetime
    dataset: str
    digest: str
    window_start: datetime
    window_end: datetime
    score: float
    level: Level
    drifted_features: int
    report: Mapping[str, Any]


@dataclass(frozen=True)
class PerformanceReport:
    """How well a package did on matured outcomes; none: there were too few to say."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    window_start: datetime
    window_end: datetime
    accuracy: float | None
    auc: float | None
    report: Mapping[str, Any]

    @property
    def accuracy_reading(self) -> AccuracyReading | None:
        """How far accuracy is below the baseline's; none where there were too few to say."""
        overall = self.report["overall"]
        drop = overall["drops"].get("accuracy")
        return AccuracyReading(self.at, overall["rows"], Interval(**drop)) if drop else None

    @property
    def newest_parity(self) -> Mapping[str, Any] | None:
        """Approval by protected group in the newest period that has groups to judge."""
        periods = self.report.get("fairness", {}).get("periods", ())
        return next((each for each in reversed(periods) if each["worst"]), None)


def add_drift_report(ledger: Ledger, report: DriftReport) -> DriftReport:
    """Store a report, unless its window has one; returns the one that is stored.

    Raises:
        LedgerError: it could not be stored, or its window reaches into another report's.
    """
    with ledger.exclusive() as connection:
        stored = _of_window(connection, drift_reports, report)
        if stored is None:
            _refuse_overlap(connection, report)
            connection.execute(insert(drift_reports), asdict(report))
    return DriftReport(**stored) if stored else report


def add_performance_report(ledger: Ledger, report: PerformanceReport) -> PerformanceReport:
    """Store a report, unless its window has one; returns the one that is stored.

    Raises:
        LedgerError: it could not be stored.
    """
    with ledger.exclusive() as connection:
        stored = _of_window(connection, performance_reports, report)
        if stored is None:
            connection.execute(insert(performance_reports), asdict(report))
    return PerformanceReport(**stored) if stored else report


def newest_drift_report(
    ledger: Ledger, dataset: str, digest: str | None = None
) -> DriftReport | None:
    """The newest of a data set, or of one package of it.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    row = _first(ledger, _newest_first(drift_reports, dataset, digest))
    return DriftReport(**row) if row else None


def drift_report_of_window(
    ledger: Ledger, dataset: str, digest: str, end: datetime
) -> DriftReport | None:
    """The report of a package's window that ends then; raises LedgerError as above."""
    query = _newest_first(drift_reports, dataset, digest).where(drift_reports.c.window_end == end)
    row = _first(ledger, query)
    return DriftReport(**row) if row else None


def drift_report_before(
    ledger: Ledger, dataset: str, digest: str, end: datetime
) -> DriftReport | None:
    """The report of a package's last window that ends before; raises LedgerError as above."""
    query = _newest_first(drift_reports, dataset, digest).where(drift_reports.c.window_end < end)
    row = _first(ledger, query)
    return DriftReport(**row) if row else None


def drift_history(
    ledger: Ledger, dataset: str, since: datetime, digest: str | None = None
) -> list[DriftReport]:
    """The reports since a time, of a data set or of one package of it, the oldest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return [DriftReport(**row) for row in _history(ledger, drift_reports, dataset, since, digest)]


def newest_performance_report(
    ledger: Ledger, dataset: str, digest: str | None = None
) -> PerformanceReport | None:
    """The newest of a data set, or of one package of it.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    row = _first(ledger, _newest_first(performance_reports, dataset, digest))
    return PerformanceReport(**row) if row else None


def performance_report_of_window(
    ledger: Ledger, dataset: str, digest: str, end: datetime
) -> PerformanceReport | None:
    """The report of a package's window that ends then; raises LedgerError as above."""
    query = _newest_first(performance_reports, dataset, digest)
    row = _first(ledger, query.where(performance_reports.c.window_end == end))
    return PerformanceReport(**row) if row else None


def performance_history(
    ledger: Ledger, dataset: str, since: datetime, digest: str | None = None
) -> list[PerformanceReport]:
    """The reports since a time, of a data set or of one package of it, the oldest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = _history(ledger, performance_reports, dataset, since, digest)
    return [PerformanceReport(**row) for row in rows]


def _of_window(
    connection: Connection, table: Table, report: DriftReport | PerformanceReport
) -> Mapping[Any, Any] | None:
    query = _newest_first(table, report.dataset, report.digest)
    same = query.where(table.c.window_end == report.window_end)
    return connection.execute(same).mappings().first()


def _refuse_overlap(connection: Connection, report: DriftReport) -> None:
    """Two checks at once may both have begun where the last window ended."""
    query = _newest_first(drift_reports, report.dataset, report.digest).where(
        drift_reports.c.window_start < report.window_end,
        drift_reports.c.window_end > report.window_start,
    )
    other = connection.execute(query).mappings().first()
    if other:
        raise LedgerError(
            f"the drift of {report.dataset} was judged up to "
            f"{other['window_end']:%Y-%m-%d %H:%M:%S} UTC meanwhile; check again"
        )


def _newest_first(table: Table, dataset: str, digest: str | None) -> Select[tuple[Any, ...]]:
    query = select(table).where(table.c.dataset == dataset).order_by(*newest_first(table))
    return query if digest is None else query.where(table.c.digest == digest)


def _history(
    ledger: Ledger, table: Table, dataset: str, since: datetime, digest: str | None
) -> Iterator[Mapping[Any, Any]]:
    query = _newest_first(table, dataset, digest).where(table.c.at >= since)
    with ledger.reading() as connection:
        return reversed(connection.execute(query).mappings().all())


def _first(ledger: Ledger, query: Select[tuple[Any, ...]]) -> Mapping[Any, Any] | None:
    with ledger.reading() as connection:
        return connection.execute(query.limit(1)).mappings().first()
