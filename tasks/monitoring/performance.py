"""How the champion does on matured outcomes, and what may be expected before they are known."""

import json
from datetime import UTC, datetime
from functools import partial

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from uuid_utils.compat import uuid7

from configs.settings import Settings
from credit.concept import Binned, Concept, binned_category, binned_number, concept_drift
from credit.features import Applications
from credit.package import VERSION_DIGITS, Package
from credit.partition import special_meanings
from credit.performance import Performance, measure
from credit.profiles import NumberProfile
from credit.reference import Reference, columns_of
from credit.spec import Schema
from credit.vintages import by_vintage
from services.ledger import Ledger
from services.ledger.reports import (
    PerformanceReport,
    add_performance_report,
    performance_report_of_window,
)
from tasks.monitoring.book import estimate_book, estimate_errors, overrides_by_period, read_book
from tasks.monitoring.fairness import watch_fairness
from tasks.monitoring.matured import MaturedRows, read_matured_rows
from tasks.monitoring.performance_artifacts import publish_findings
from tasks.monitoring.performance_findings import PerformanceFindings

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@task(
    name="report performance",
    task_run_name="performance of {package.manifest.dataset}",
    cache_policy=NO_CACHE,
)
def report_performance(
    ledger: Ledger, package: Package, settings: Settings, now: datetime
) -> PerformanceReport:
    """Measure a package on what has matured since it was first deployed, and store the report.

    Asked again about the same time, it answers with the stored report.

    Args:
        ledger: where decisions and outcomes are, and where the report goes.
        package: the champion.
        settings: the plans of monitoring, drift and fairness.
        now: the time to look from.

    Raises:
        LedgerError: the ledger cannot be read, or the report cannot be stored.
        PackageError: the package does not score.
    """
    known = performance_report_of_window(ledger, package.manifest.dataset, package.digest, now)
    if known:
        return known
    findings = find(ledger, package, settings, now)
    stored = add_performance_report(ledger, report_of(findings, package))
    publish_findings(findings, package)
    get_run_logger().info(
        "version %s: %s matured outcomes, %s of them within its policy",
        package.digest[:VERSION_DIGITS],
        f"{findings.due - findings.unreported:,}",
        f"{findings.overall.rows:,}",
    )
    return stored


def report_of(findings: PerformanceFindings, package: Package) -> PerformanceReport:
    """What was found of a package, as it is stored."""
    metrics = findings.overall.metrics
    return PerformanceReport(
        id=uuid7(),
        at=findings.window_end,
        dataset=package.manifest.dataset,
        digest=package.digest,
        window_start=findings.window_start,
        window_end=findings.window_end,
        accuracy=metrics["accuracy"].value if metrics else None,
        auc=metrics["auc"].value if metrics else None,
        report=json.loads(findings.model_dump_json()),  # where a number is none, JSON has null
    )


def find(
    ledger: Ledger, package: Package, settings: Settings, now: datetime
) -> PerformanceFindings:
    """All that there is to say of a package's performance; raises as `report_performance` does."""
    plan, schema, threshold = settings.monitoring, package.schema, package.reference.threshold
    horizon = schema.bad.horizon_months or plan.horizon_months
    since = _deployed_at(ledger, package, now)
    matured = read_matured_rows(ledger, package, horizon, now, since)
    within, others = matured[matured.is_approved], matured[~matured.is_approved]
    newest = within[-plan.most_matured :]
    judge = _judge(package, settings)
    book = read_book(ledger, schema.name, now)
    return PerformanceFindings(
        window_start=since,
        window_end=now,
        horizon_months=horizon,
        threshold=threshold,
        due=matured.due,
        unreported=matured.unreported,
        unreadable=matured.unreadable,
        overall=judge(newest.bad, newest.probability),
        others=judge(others.bad, others.probability, baseline=None),
        vintages=by_vintage(within.at, within.bad, within.probability, plan.vintage, judge),
        concept=_concept(package, matured[-plan.most_matured :], settings),
        estimate=estimate_book(
            book, package, horizon, plan.bootstrap_samples, settings.training.seed
        ),
        estimate_errors=estimate_errors(ledger, schema.name, horizon, now),
        overrides=overrides_by_period(book, plan.vintage),
        fairness=watch_fairness(ledger, book, schema, settings),
    )


def _deployed_at(ledger: Ledger, package: Package, now: datetime) -> datetime:
    """When a package was first deployed: what had matured before, it may have been trained on.

    The beginning where it never was, or not yet at a time in the past that is looked from.
    """
    history = ledger.history(package.manifest.dataset)
    times = (row.at for row in history if row.digest == package.digest and row.at < now)
    return min(times, default=BEGINNING)


def _judge(package: Package, settings: Settings) -> "partial[Performance]":
    plan, reference = settings.monitoring, package.reference
    return partial(
        measure,
        baseline=reference.baseline,
        threshold=reference.threshold,
        fewest_rows=plan.fewest_matured,
        samples=plan.bootstrap_samples,
        seed=settings.training.seed,
    )


def _concept(package: Package, rows: MaturedRows, settings: Settings) -> Concept | None:
    if len(rows) < settings.monitoring.fewest_matured:
        return None
    features = _binned(package.reference, rows.applications, package.schema)
    return concept_drift(features, rows.bad, rows.probability, settings.drift.significance)


def _binned(reference: Reference, applications: Applications, schema: Schema) -> dict[str, Binned]:
    """The features that the champion reads, in the bins of its reference."""
    columns = columns_of(applications, schema)
    return {
        name: binned_number(profile, columns[name], special_meanings(schema, name))
        if isinstance(profile, NumberProfile)
        else binned_category(profile, columns[name])
        for name, profile in reference.columns.items()
    }
