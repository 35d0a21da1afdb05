"""creditloop evaluate."""

from typing import TYPE_CHECKING

from configs.datasets import load_spec
from configs.settings import load_settings
from credit.package import VERSION_DIGITS
from flows.commands.console import print_json, stdout
from flows.commands.errors import UsageError
from flows.commands.times import time
from flows.local.inprocess import check_source, flows_ready
from flows.packages import find_package_of

if TYPE_CHECKING:
    from flows.results import PerformanceResult


def run(
    dataset: str | None, data: str | None, digest: str | None, at: str | None, json: bool
) -> None:
    """Evaluate in this process and show the metrics."""
    if at is not None:
        raise UsageError("--at is for --matured: rows of a file have no time to look from")
    settings = load_settings()
    dataset = dataset or settings.dataset
    check_source(dataset, data)
    find_package_of(settings, load_spec(dataset).name, digest)
    with flows_ready(settings):
        from flows.evaluation import evaluation

        result = evaluation(dataset, data, digest)
    if json:
        print_json(result)
        return
    from flows.commands.tables import metrics, print_remarks

    console = stdout()
    console.print(
        f"{result.family}, version {result.package.digest[:VERSION_DIGITS]}, on {result.rows:,} "
        f"rows ({result.rows_from}) of {result.dataset}; {result.bad_rate:.1%} are bad"
    )
    console.print(metrics(result.metrics))
    print_remarks(console, result.warnings, result.notes)


def run_matured(
    dataset: str | None, data: str | None, digest: str | None, at: str | None, json: bool
) -> None:
    """Measure the model in production on what has matured, and show what was found."""
    if data or digest:
        raise UsageError("--matured reads the ledger for the model in production; give no file")
    settings, now = load_settings(), time("--at", at)
    dataset = dataset or settings.dataset
    find_package_of(settings, load_spec(dataset).name)
    with flows_ready(settings, "flows.performance", tracks=False):
        from flows.performance import performance

        result = performance(dataset, now)
    if json:
        print_json(result)
    else:
        _show(result)


def _show(result: "PerformanceResult") -> None:
    console = stdout()
    console.print(
        f"{result.dataset}, version {result.digest[:VERSION_DIGITS]}: {result.rows:,} matured "
        f"outcomes by {result.at:%Y-%m-%d}, {result.bads:,} of them bad; {result.unreported:,} "
        "outcomes are not reported",
        soft_wrap=True,
    )
    if result.observed_to_expected:
        console.print(f"Observed to expected bads: {result.observed_to_expected}")
    if result.auc is None:
        console.print("These are too few to measure more than the bad rate.")
    else:
        console.print(f"AUC {result.auc:.4f}, accuracy {result.accuracy:.4f}")
    for name, drop in result.drops.items():
        console.print(f"{name} is worse than the baseline by {drop}")
