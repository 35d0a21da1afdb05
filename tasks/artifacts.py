"""What a run leaves in Prefect's UI: tables, texts, plots and links.

Images are stored in Prefect's own database as data URIs: they show without a file server.
"""

from base64 import b64encode
from collections.abc import Mapping

from prefect import task
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE

from credit.assessment import Assessment
from credit.intervals import Interval
from credit.package import VERSION_DIGITS
from tasks.documents.vocabulary import METRICS
from tasks.record import Data, Evaluation, Tracked, Training

LEADERBOARD_METRICS = ("auc", "ks", "brier")
# What people look at first; MLflow keeps all.
PLOTS = ("roc", "calibration", "importance", "profit", "fairness")


@task(name="publish artifacts", cache_policy=NO_CACHE)
def publish_training(training: Training, tracked: Tracked, plots: Mapping[str, bytes]) -> None:
    """Leaderboard, the champion's metrics, the data, plots, and where MLflow keeps the rest."""
    dataset, champion = training.dataset, training.champion
    create_table_artifact(
        leaderboard_table(training),
        key=f"{dataset}-leaderboard",
        description="Families by validation AUC; the first is the champion. Intervals are 95%.",
    )
    create_table_artifact(
        metrics_table(champion.test),
        key=f"{dataset}-champion",
        description=f"{champion.trained.title} on the test rows, "
        f"package {champion.digest[:VERSION_DIGITS]}",
    )
    create_table_artifact(
        business_table(champion.assessment, training.data.dataset.currency),
        key=f"{dataset}-business",
        description="What the champion's decisions would have meant for the test applications",
    )
    create_markdown_artifact(
        data_text(training.data),
        key=f"{dataset}-data",
        description="Rows, warnings and notes",
    )
    create_markdown_artifact(
        documents_text(training, tracked),
        key=f"{dataset}-documents",
        description="Model card, validation report, adverse-action table",
    )
    _publish_plots(dataset, plots)
    _publish_link(dataset, tracked)


@task(name="publish artifacts", cache_policy=NO_CACHE)
def publish_evaluation(record: Evaluation, tracked: Tracked, plots: Mapping[str, bytes]) -> None:
    """Metrics, rows, warnings and plots of an evaluation."""
    create_table_artifact(
        metrics_table(record.metrics),
        key=f"{record.dataset}-evaluation",
        description=f"Package {record.digest[:VERSION_DIGITS]} on {record.rows:,} rows "
        f"({record.rows_from})",
    )
    create_markdown_artifact(
        evaluated_text(record),
        key=f"{record.dataset}-evaluation-data",
        description="Rows, warnings and notes",
    )
    _publish_plots(f"{record.dataset}-evaluation", plots)
    _publish_link(f"{record.dataset}-evaluation", tracked)


def leaderboard_table(training: Training) -> list[dict[str, str]]:
    """One row for each family, best first."""
    return [
        {
            "Family": fit.trained.title,
            "Validation AUC": str(fit.trained.metrics["validation"]["auc"]),
            **{f"Test {METRICS[name].title}": str(fit.test[name]) for name in LEADERBOARD_METRICS},
            "Seconds": f"{fit.seconds:.1f}",
            "Package": fit.digest[:VERSION_DIGITS],
        }
        for fit in training.fits
    ]


def metrics_table(metrics: Mapping[str, Interval]) -> list[dict[str, str]]:
    """One row for each metric."""
    return [
        {
            "Metric": METRICS[name].title,
            "Value": f"{interval.value:.4f}",
            "Low": f"{interval.low:.4f}",
            "High": f"{interval.high:.4f}",
        }
        for name, interval in metrics.items()
    ]


def business_table(assessment: Assessment, currency: str) -> list[dict[str, str]]:
    """Policy, decisions, profit and fairness, a row each."""
    policy, impact, fairness = assessment.policy, assessment.impact, assessment.fairness
    bands = f"approve below {policy.approve_below:.4f}, decline from {policy.decline_above:.4f}"
    facts = {
        "Policy": f"{bands} ({policy.chosen})" if policy.chosen else bands,
        "Approval rate": _written(impact.approval_rate, ".1%"),
        "Review rate": _written(impact.review_rate, ".1%"),
        "Bad rate of the approved": _written(impact.bad_rate, ".1%")
        if impact.bad_rate
        else "nothing is approved",
        "Profit" + (f", {currency}" if currency else ""): _written(impact.profit, ",.0f"),
        "Fairness score": "no group can be judged"
        if fairness.score is None
        else f"{fairness.score:.0f} of 100",
        "Lowest adverse-impact ratio": fairness.worst or "no group can be judged",
    }
    return [{"What": name, "Value": str(value)} for name, value in facts.items()]


def _written(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def documents_text(training: Training, tracked: Tracked) -> str:
    """Where the documents lie, in Markdown; with a tracking server, each is a link."""
    return "\n".join(
        f"- [{name}]({tracked.artifact_url(f'documents/{path.name}')})"
        if tracked.url
        else f"- {name}: `{path}`"
        for name, path in training.documents.items()
    )


def data_text(data: Data) -> str:
    """Rows of each part, then warnings and notes, in Markdown."""
    return _text(rows_text(data.rows, data.bad_rates), data)


def evaluated_text(record: Evaluation) -> str:
    """The rows that were used, then warnings and notes, in Markdown."""
    used = {record.rows_from: record.rows}
    return _text(rows_text(used, {record.rows_from: record.bad_rate}), record)


def rows_text(rows: Mapping[str, int], bad_rates: Mapping[str, float]) -> str:
    """How many rows each part has, and how many of them are bad where that is known.

    >>> rows_text({"train": 1200, "gap": 30}, {"train": 0.221})
    'train 1,200 (22.1% bad), gap 30'
    """
    return ", ".join(
        f"{name} {count:,}" + (f" ({bad_rates[name]:.1%} bad)" if name in bad_rates else "")
        for name, count in rows.items()
    )


def _text(rows: str, data: Data | Evaluation) -> str:
    lines = [f"**Rows**: {rows}; {data.rejected:,} rejected ({data.rejected_share:.2%})", ""]
    if data.quarantine:
        lines.append(f"- Rejected rows with their reasons: `{data.quarantine}`")
    lines += [f"- **Warning**: {warning}" for warning in data.warnings]
    lines += [f"- {note}" for note in data.notes]
    return "\n".join(lines)


def _publish_plots(prefix: str, plots: Mapping[str, bytes]) -> None:
    for name in PLOTS:
        if name in plots:
            create_image_artifact(
                f"data:image/png;base64,{b64encode(plots[name]).decode()}",
                key=f"{prefix}-{name}",
                description=name,
            )


def _publish_link(prefix: str, tracked: Tracked) -> None:
    key, description = f"{prefix}-mlflow", "Parameters, trials, metrics, plots and packages"
    if tracked.url:
        create_link_artifact(tracked.url, "MLflow run", key=key, description=description)
    else:
        create_markdown_artifact(
            f"MLflow run `{tracked.run_id}` in the embedded store; `creditloop up` shows it at "
            f"http://127.0.0.1:5000/#/experiments/{tracked.experiment_id}/runs/{tracked.run_id}",
            key=key,
            description=description,
        )
