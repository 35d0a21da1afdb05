"""What monitoring found: the newest report of a data set feeds the gauges."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select

from services.ledger.store import Ledger
from services.ledger.tables import drift_reports, newest_first, performance_reports


@dataclass(frozen=True)
class DriftReport:
    """How far the applications of a window have moved from the reference of a package."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    score: float
    drifted_features: int
    report: Mapping[str, Any]


@dataclass(frozen=True)
class PerformanceReport:
    """How well a package did on matured outcomes; none: there were too few to say."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    accuracy: float | None
    auc: float | None
    report: Mapping[str, Any]


def add_drift_report(ledger: Ledger, report: DriftReport) -> None:
    """Store a report; raises LedgerError when that fails."""
    with ledger.writing() as connection:
        connection.execute(insert(drift_reports), asdict(report))


def add_performance_report(ledger: Ledger, report: PerformanceReport) -> None:
    """Store a report; raises LedgerError when that fails."""
    with ledger.writing() as connection:
        connection.execute(insert(performance_reports), asdict(report))


def newest_drift_report(ledger: Ledger, dataset: str) -> DriftReport | None:
    """The newest of a data set; raises LedgerError when the ledger cannot be read."""
    row = _newest(ledger, drift_reports, dataset)
    return DriftReport(**row) if row else None


def newest_performance_report(ledger: Ledger, dataset: str) -> PerformanceReport | None:
    """The newest of a data set; raises LedgerError when the ledger cannot be read."""
    row = _newest(ledger, performance_reports, dataset)
    return PerformanceReport(**row) if row else None


def _newest(ledger: Ledger, table: Table, dataset: str) -> Mapping[Any, Any] | None:
    query = select(table).where(table.c.dataset == dataset)
    with ledger.reading() as connection:
        newest = query.order_by(*newest_first(table)).limit(1)
        return connection.execute(newest).mappings().first()
