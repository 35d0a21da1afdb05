"""Gauges of what monitoring reported last; absent, never 0, before it did."""

from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from credit.shifts import Level
from services.ledger import Ledger, LedgerError
from services.ledger.reports import (
    PerformanceReport,
    newest_drift_report,
    newest_performance_report,
)


class Reported(Collector):
    """Reads the newest reports of a data set whenever metrics are rendered."""

    def __init__(self, ledger: Ledger, dataset: str):
        self._ledger = ledger
        self._dataset = dataset

    def collect(self) -> Iterator[Metric]:
        """What there is; nothing while the ledger cannot be read."""
        try:
            found = [*self._drift(), *self._performance()]
        except LedgerError:
            return
        yield from found

    def render(self) -> bytes:
        """In Prometheus's text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def _drift(self) -> Iterator[Metric]:
        report = newest_drift_report(self._ledger, self._dataset)
        if report is None:
            return
        yield _gauge("drift_score", "Drift of the newest window, from 0 to 1.", report.score)
        yield _gauge(
            "drifted_features_count",
            "Features that drifted in the newest window.",
            report.drifted_features,
        )
        yield _gauge(
            "drift_alert",
            "What the newest windows mean together: 0 calm, 1 warning, 2 critical.",
            get_args(Level).index(report.report.get("alert", report.level)),
        )
        yield _gauge(
            "drift_check_timestamp_seconds",
            "When the newest window ended, in seconds since 1970.",
            report.window_end.timestamp(),
        )

    def _performance(self) -> Iterator[Metric]:
        report = newest_performance_report(self._ledger, self._dataset)
        if report is None:
            return
        family = self._family(report.digest)
        for name, text, value in (
            ("model_accuracy", "Accuracy on matured outcomes.", report.accuracy),
            ("model_auc", "Area under the ROC curve on matured outcomes.", report.auc),
        ):
            if value is not None:
                gauge = GaugeMetricFamily(name, text, labels=["model_type"])
                gauge.add_metric([family], value)
                yield gauge
        yield from _found(report)

    def _family(self, digest: str) -> str:
        history = self._ledger.history(self._dataset)
        return next((row.family for row in history if row.digest == digest), "unknown")


def _found(report: PerformanceReport) -> Iterator[Metric]:
    """Of what a performance report has beside accuracy and AUC."""
    ratio = report.report.get("overall", {}).get("observed_to_expected")
    if ratio:
        yield _gauge(
            "observed_to_expected_bads",
            "Bads among matured outcomes by those that the model expected.",
            ratio["value"],
        )
    parity = report.newest_parity
    if parity:
        yield _gauge(
            "adverse_impact_ratio",
            "Lowest ratio of approval rates in the newest period with groups to judge.",
            parity["worst"]["ratio"]["value"],
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
