"""What monitoring knows by now: the newest reports of a data set, and what wants a look."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from configs.settings import Settings
from credit.package import VERSION_DIGITS
from credit.shifts import Level, alert
from services.ledger import Deployment, Ledger
from services.ledger.reports import (
    DriftReport,
    PerformanceReport,
    drift_report_before,
    newest_drift_report,
    newest_performance_report,
)

Json = Mapping[str, Any]
# A check that is this many windows late has stopped.
LATE_WINDOWS = 2


@dataclass(frozen=True)
class Alert:
    """Something that wants a look; kind: which figure it is about."""

    kind: str
    level: Level
    message: str


def status(ledger: Ledger, settings: Settings, now: datetime) -> dict[str, Any]:
    """The newest drift, performance and fairness of the settings' data set, and open alerts.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    dataset = settings.dataset
    drift = newest_drift_report(ledger, dataset)
    performance = newest_performance_report(ledger, dataset)
    current = ledger.current(dataset)
    return {
        "dataset": dataset,
        "version": current and current.digest[:VERSION_DIGITS],
        "drift": drift and _shown(drift),
        "performance": performance and _shown(performance, without="fairness"),
        "fairness": performance and performance.report["fairness"],
        "alerts": [asdict(each) for each in _alerts(ledger, current, settings, now)],
    }


def _alerts(
    ledger: Ledger, current: Deployment | None, settings: Settings, now: datetime
) -> Iterator[Alert]:
    """What speaks of the model in production; what was found of the one before is past."""
    if current is None:
        return
    drift = newest_drift_report(ledger, current.dataset, current.digest)
    performance = newest_performance_report(ledger, current.dataset, current.digest)
    if drift:
        before = drift_report_before(ledger, drift.dataset, drift.digest, drift.window_end)
        yield from _drift(drift, before)
    yield from _silence(drift.window_end if drift else current.at, settings, now)
    if performance:
        yield from _performance(performance, settings)


def _drift(newest: DriftReport, before: DriftReport | None) -> Iterator[Alert]:
    level = alert([before.level, newest.level] if before else [newest.level])
    if level != "calm":
        yield Alert(
            "drift",
            level,
            f"the window to {newest.window_end:%Y-%m-%d %H:%M} UTC has a drift score of "
            f"{newest.score:.2f}; {newest.drifted_features} features have drifted",
        )


def _silence(newest: datetime, settings: Settings, now: datetime) -> Iterator[Alert]:
    """No window was judged for too long, so that no other alert means nothing."""
    patience = timedelta(hours=settings.monitoring.window_hours) * LATE_WINDOWS
    if now - newest > patience:
        yield Alert(
            "silence",
            "warning",
            f"no window was judged since {newest:%Y-%m-%d %H:%M} UTC; there were too few "
            "decisions, or the deployment drift-check does not run",
        )


def _performance(report: PerformanceReport, settings: Settings) -> Iterator[Alert]:
    findings = report.report
    yield from _accuracy(report, settings)
    yield from _calibration(findings["overall"])
    yield from _concept(findings["concept"])
    yield from _fairness(report, settings)


def _accuracy(report: PerformanceReport, settings: Settings) -> Iterator[Alert]:
    reading = report.accuracy_reading
    if reading and reading.has_fallen(settings.retraining):
        bounds = _bounds(reading.drop.as_dict(), 100, ".1f")
        yield Alert(
            "accuracy",
            "critical",
            f"accuracy fell by {100 * reading.drop.value:.1f} points {bounds} on "
            f"{reading.rows:,} matured outcomes",
        )


def _calibration(overall: Json) -> Iterator[Alert]:
    ratio = overall["observed_to_expected"]
    if ratio and overall["metrics"] and not ratio["low"] <= 1 <= ratio["high"]:
        yield Alert(
            "calibration",
            "warning",
            f"there are {ratio['value']:.2f} {_bounds(ratio, 1, '.2f')} times as many bads as the "
            f"model expects, on {overall['rows']:,} matured outcomes",
        )


def _concept(concept: Json | None) -> Iterator[Alert]:
    if concept and concept["changed"]:
        names = [each["name"] for each in concept["relations"] if each["has_changed"]]
        yield Alert(
            "concept",
            "warning",
            f"{', '.join(names)}: another relation to default than the model says, on "
            f"{concept['rows']:,} matured outcomes",
        )


def _fairness(report: PerformanceReport, settings: Settings) -> Iterator[Alert]:
    parity = report.newest_parity
    if parity is None:
        return
    period, worst = parity["period"], parity["worst"]
    ratio, least = worst["ratio"], settings.fairness.least_impact_ratio
    if ratio["value"] < least:
        yield Alert(
            "fairness",
            "warning",
            f"in {period} {worst['column']} {worst['group']} was approved {ratio['value']:.2f} "
            f"{_bounds(ratio, 1, '.2f')} times as often as {worst['against']}; at least {least:g} "
            "is expected",
        )


def _bounds(interval: Json, scale: float, form: str) -> str:
    return f"[{scale * interval['low']:{form}}, {scale * interval['high']:{form}}]"


def _shown(report: DriftReport | PerformanceReport, without: str = "") -> dict[str, Any]:
    shown = {**asdict(report), "version": report.digest[:VERSION_DIGITS]}
    shown["report"] = {name: each for name, each in report.report.items() if name != without}
    return shown
