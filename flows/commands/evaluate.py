"""creditloop evaluate."""

from configs.datasets import load_spec
from configs.settings import load_settings
from credit.package import VERSION_DIGITS
from flows.commands.console import print_json, stdout
from flows.local.inprocess import check_source, flows_ready
from flows.packages import find_package_of


def run(dataset: str | None, data: str | None, digest: str | None, json: bool) -> None:
    """Evaluate in this process and show the metrics."""
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
