"""The performance flow: the champion on what has matured, weekly."""

from contextlib import closing
from datetime import datetime

from prefect import flow
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote

from configs.datasets import load_spec
from configs.settings import load_settings
from flows.packages import find_package_of
from flows.results import PerformanceResult, performance_result
from services.ledger import open_ledger
from tasks.circumstances import clock, run_id
from tasks.monitoring.performance import report_performance


def _run_name() -> str:
    return f"performance of {flow_run.parameters['dataset'] or load_settings().dataset}"


@flow(name="performance", flow_run_name=_run_name)
def performance(dataset: str | None = None, now: datetime | None = None) -> PerformanceResult:
    """Measure the model in production on outcomes that have matured since it was deployed.

    The report goes to the ledger: accuracy, AUC and calibration against the model's own baseline,
    vintages, relations of features to default that have changed, what may be expected of
    applications that have not matured, overrides, and approval by protected group.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec;
            the data set of the settings unless given.
        now: The time to look from; when the run was due unless given.
    """
    settings = load_settings()
    name = load_spec(dataset or settings.dataset).name
    package = find_package_of(settings, name)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        report = report_performance(quote(ledger), quote(package), settings, clock(now))
    return performance_result(run_id(), report)
