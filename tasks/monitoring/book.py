"""The book: a year of decisions as columns, and what may be said of them without outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from credit.estimation import compare_estimate, estimate
from credit.expressions import FloatArray
from credit.overrides import NO_VERDICT, overrides
from credit.package import Package
from credit.policy import DecisionArray
from credit.vintages import Length, period
from services.ledger import Ledger
from services.ledger.matured import has_matured, read_cases, read_due
from services.ledger.months import months_after
from services.ledger.reports import PerformanceReport, performance_history
from tasks.monitoring.performance_findings import BookEstimate, EstimateError, PeriodOverrides

MONTHS = 12


@dataclass(frozen=True)
class Book:
    """Decisions of the last twelve months [rows]; final: with the person's word where it is one."""

    start: datetime
    end: datetime
    ids: Sequence[UUID]
    at: Sequence[datetime]
    digest: NDArray[np.object_]
    probability: FloatArray
    decision: DecisionArray
    verdict: DecisionArray
    final: DecisionArray

    def periods(self, length: Length) -> NDArray[np.object_]:
        """The period of each decision [rows]."""
        return _texts([period(at, length) for at in self.at])


def read_book(ledger: Ledger, dataset: str, now: datetime) -> Book:
    """Read the last twelve months; raises LedgerError when the ledger cannot be read."""
    start = months_after(now, -MONTHS)
    ids, at, digests, probabilities, decisions, verdicts, finals = [], [], [], [], [], [], []
    for cases in read_cases(ledger, dataset, start, now):
        for case in cases:
            ids.append(case.id)
            at.append(case.at)
            digests.append(case.digest)
            probabilities.append(case.probability)
            decisions.append(case.decision)
            verdicts.append(case.verdict or NO_VERDICT)
            finals.append(case.final)
    return Book(
        start,
        now,
        ids,
        at,
        _texts(digests),
        np.array(probabilities, dtype=np.float64),
        _texts(decisions),
        _texts(verdicts),
        _texts(finals),
    )


def overrides_by_period(book: Book, length: Length) -> tuple[PeriodOverrides, ...]:
    """What people made of each period's decisions, the oldest first."""
    periods = book.periods(length)
    return tuple(
        PeriodOverrides(
            period=each,
            overrides=overrides(book.decision[periods == each], book.verdict[periods == each]),
        )
        for each in sorted(set(periods.tolist()))
    )


def estimate_book(
    book: Book, package: Package, horizon_months: int, samples: int, seed: int
) -> BookEstimate | None:
    """What may be expected of what a package approved and has not matured; none: nothing is."""
    waiting = np.array([not has_matured(at, horizon_months, book.end) for at in book.at], bool)
    mine = waiting & (book.digest == package.digest) & (book.final == "approve")
    if not mine.any():
        return None
    reference = package.reference
    return BookEstimate(
        start=book.start,
        end=book.end,
        estimate=estimate(book.probability[mine], reference.threshold, samples, seed),
        assumed=reference.baseline.metrics if reference.baseline else {},
    )


def estimate_errors(
    ledger: Ledger, dataset: str, horizon_months: int, now: datetime
) -> tuple[EstimateError, ...]:
    """Earlier estimates all of whose rows have matured, held against their outcomes.

    Of each month the newest estimate counts; twelve months are looked at.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    earliest = months_after(now, -horizon_months - MONTHS)
    earlier = performance_history(ledger, dataset, earliest)
    of_month = {f"{report.at:%Y-%m}": report for report in earlier if report.report["estimate"]}
    made = [
        (report, BookEstimate.model_validate(report.report["estimate"]))
        for report in of_month.values()
    ]
    matured = [each for each in made if has_matured(each[1].end, horizon_months, now)]
    return tuple(
        _error(ledger, report, estimated, horizon_months, now) for report, estimated in matured
    )


def _error(
    ledger: Ledger,
    report: PerformanceReport,
    made: BookEstimate,
    horizon_months: int,
    now: datetime,
) -> EstimateError:
    parts = read_due(ledger, report.dataset, horizon_months, now, since=made.end)
    same = [
        case
        for part in parts
        for case in part
        if case.digest == report.digest and made.start < case.at <= made.end
    ]
    known = [case for case in same if case.bad is not None]
    return EstimateError(
        estimated_at=made.end,
        rows=made.estimate.rows,
        known=len(known),
        measures=compare_estimate(
            made.estimate,
            made.assumed,
            np.array([bool(case.bad) for case in known], dtype=np.int8),
            np.array([case.probability for case in known], dtype=np.float64),
            report.report["threshold"],
        ),
    )


def _texts(values: Sequence[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)
