"""Judging a window of decisions against the reference of the package that took them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from uuid_utils.compat import uuid7

from configs.settings import Settings
from credit.package import Package
from credit.reference import Columns, drift
from credit.shifts import Level, WindowDrift, alert
from services.ledger import open_ledger
from services.ledger.reports import DriftReport, add_drift_report, drift_report_before
from services.ledger.windows import DecisionWindow, find_window
from tasks.monitoring.windows import Observed, observe

MOST_NAMED = 5


@dataclass(frozen=True)
class DriftCheck:
    """A window of a package's decisions, judged.

    report: as it is stored; none where the window has fewer than `fewest_rows`, so that it stays
    open for the next check. alert: what it means with the window before; `before` is that one's.
    problems: what could not be judged, and why. sample: some of the rows, for showing.
    """

    window: DecisionWindow
    fewest_rows: int
    drift: WindowDrift
    report: DriftReport | None
    alert: Level
    before: Level
    problems: tuple[str, ...]
    sample: Columns

    @property
    def level(self) -> Level:
        """What the window says alone."""
        return self.report.level if self.report else "calm"


@task(name="check drift", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 5])
def check_window(package: Package, now: datetime, settings: Settings) -> DriftCheck:
    """Judge the decisions since the last window, and store what that says.

    What was stored of this window before stays, and is returned again.

    Raises:
        LedgerError: the ledger cannot be read or written, or later windows are judged already.
    """
    fewest = max(settings.drift.fewest_rows, settings.monitoring.window_rows)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        dataset, digest = package.schema.name, package.digest
        window = find_window(ledger, dataset, digest, now, settings.monitoring)
        observed = observe(ledger, package, window)
        earlier = drift_report_before(ledger, dataset, digest, window.end)
        judged = drift(package.reference, observed.counted, settings.drift)
        problems = tuple(_problems(observed))
        report = window.report
        if report is None and observed.counted.rows >= fewest:
            meant = alert([*([earlier.level] if earlier else []), judged.level])
            report = _report(window, now, judged, meant, problems)
            report = add_drift_report(ledger, report)
    return DriftCheck(
        window=window,
        fewest_rows=fewest,
        drift=WindowDrift.model_validate(report.report["drift"]) if report else judged,
        report=report,
        alert=report.report["alert"] if report else "calm",
        before=earlier.report.get("alert", "calm") if earlier else "calm",
        problems=problems,
        sample=observed.sample,
    )


def _report(
    window: DecisionWindow,
    now: datetime,
    judged: WindowDrift,
    meant: Level,
    problems: tuple[str, ...],
) -> DriftReport:
    return DriftReport(
        id=uuid7(),
        at=now,
        dataset=window.dataset,
        digest=window.digest,
        window_start=window.start,
        window_end=window.end,
        score=judged.score,
        level=judged.level,
        drifted_features=judged.drifted,
        report={
            "drift": judged.model_dump(mode="json"),
            "alert": meant,
            "problems": list(problems),
        },
    )


def _problems(observed: Observed) -> Iterator[str]:
    """In words without any applicant's value."""
    for name, why in observed.counted.faults.items():
        yield f"column {name} could not be judged: {why}"
    if observed.unreadable:
        named = ", ".join(map(str, observed.unreadable[:MOST_NAMED]))
        yield (
            f"{len(observed.unreadable):,} decisions cannot be read, as {named}; "
            "`creditloop verify ID` says why"
        )
