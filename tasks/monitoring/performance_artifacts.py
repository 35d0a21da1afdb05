"""What an evaluation on matured outcomes leaves in Prefect's UI."""

from collections.abc import Iterator

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from credit.intervals import Interval
from credit.package import VERSION_DIGITS, Package
from credit.performance import Performance
from tasks.monitoring.performance_findings import PerformanceFindings

UNKNOWN = "too few to say"


def publish_findings(findings: PerformanceFindings, package: Package) -> None:
    """A text of what was found, and a table of vintages where there are any."""
    dataset = package.manifest.dataset
    create_markdown_artifact(
        findings_text(findings),
        key=f"{dataset}-performance",
        description=f"Package {package.digest[:VERSION_DIGITS]} on matured outcomes",
    )
    if findings.vintages:
        create_table_artifact(
            vintage_table(findings),
            key=f"{dataset}-vintages",
            description="The champion on matured outcomes, by when applications were decided on",
        )


def vintage_table(findings: PerformanceFindings) -> list[dict[str, str]]:
    """One row for each vintage, the oldest first."""
    return [
        {
            "Vintage": each.period,
            "Rows": f"{each.performance.rows:,}",
            "Bad rate": _share(each.performance.bad_rate),
            "Expected": f"{each.performance.mean_pd:.1%}",
            "AUC": _metric(each.performance, "auc"),
            "Accuracy": _metric(each.performance, "accuracy"),
        }
        for each in findings.vintages
    ]


def findings_text(findings: PerformanceFindings) -> str:
    """All that was found, in Markdown, with what selection does to each figure."""
    return "\n\n".join(
        [
            *_performance(findings),
            *_concept(findings),
            *_estimate(findings),
            *_overrides(findings),
            *_fairness(findings),
        ]
    )


def _performance(findings: PerformanceFindings) -> Iterator[str]:
    known = findings.due - findings.unreported
    yield (
        f"**Outcomes**: {findings.due:,} approved applications have passed their horizon of "
        f"{findings.horizon_months} months by {findings.window_end:%Y-%m-%d}; {known:,} have an "
        f"outcome, {findings.unreported:,} have none, {findings.unreadable:,} cannot be scored."
    )
    overall = findings.overall
    yield (
        f"**Within the policy** ({overall.rows:,} rows): bad rate {_share(overall.bad_rate)}, "
        f"expected {overall.mean_pd:.1%}, observed to expected "
        f"{_ratio(overall.observed_to_expected)}; AUC {_metric(overall, 'auc')}, accuracy "
        f"{_metric(overall, 'accuracy')}."
    )
    for name, drop in overall.drops.items():
        yield f"- {name} is worse than the baseline by {drop}"
    yield f"*{findings.notes['overall']}*"
    if findings.others.rows:
        yield (
            f"**Beyond the policy** ({findings.others.rows:,} rows): bad rate "
            f"{_share(findings.others.bad_rate)}, expected {findings.others.mean_pd:.1%}. "
            f"*{findings.notes['others']}*"
        )


def _concept(findings: PerformanceFindings) -> Iterator[str]:
    concept = findings.concept
    if concept is None:
        return
    changed = [each for each in concept.relations if each.has_changed]
    named = "; ".join(
        f"{each.name} (mean gap {each.gap:.1%}"
        + (f", most in {each.worst.label}" if each.worst else "")
        + ")"
        for each in changed
    )
    yield (
        f"**Concept**: log-odds are off by {concept.level}; {len(changed)} of "
        f"{len(concept.relations)} features go with default in another way"
        + (f": {named}." if named else ".")
    )
    yield f"*{findings.notes['concept']}*"


def _estimate(findings: PerformanceFindings) -> Iterator[str]:
    if findings.estimate:
        made = findings.estimate.estimate
        yield (
            f"**Expected** of {made.rows:,} approved applications that have not matured: AUC "
            f"{made.auc or UNKNOWN}, accuracy {made.accuracy}, bad rate {_share(made.bad_rate)}. "
            f"*{findings.notes['estimate']}*"
        )
    for error in findings.estimate_errors:
        for each in error.measures:
            if each.measure == "auc":
                yield (
                    f"- Of {error.estimated_at:%Y-%m-%d}: AUC {each.estimated} was expected and "
                    f"{each.realised:.4f} came, on {error.known:,} of {error.rows:,} rows"
                )


def _overrides(findings: PerformanceFindings) -> Iterator[str]:
    if findings.overrides:
        newest = findings.overrides[-1]
        rate = newest.overrides.rate
        yield (
            f"**Overrides** in {newest.period}: {newest.overrides.overridden:,} of "
            f"{newest.overrides.decided:,} decisions"
            + (f", {_share(rate)}" if rate else "")
            + f". *{findings.notes['overrides']}*"
        )


def _fairness(findings: PerformanceFindings) -> Iterator[str]:
    fairness = findings.fairness
    if fairness.problem:
        yield f"**Fairness**: {fairness.problem}."
        return
    newest = fairness.periods[-1]
    yield (
        f"**Fairness** in {newest.period}: lowest adverse-impact ratio "
        f"{newest.worst or 'of no group can be judged'}. *{findings.notes['fairness']}*"
    )


def _metric(performance: Performance, name: str) -> str:
    return str(performance.metrics[name]) if performance.metrics else UNKNOWN


def _share(interval: Interval) -> str:
    return f"{interval.value:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def _ratio(interval: Interval | None) -> str:
    return str(interval) if interval else UNKNOWN
