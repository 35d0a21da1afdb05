"""The training flow: from a data set's rows to a champion in production."""

import os
import time

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from configs.datasets import load_spec
from configs.settings import load_settings
from credit.labels import label
from credit.plan import FamilyName, PresetName
from credit.reasoning import refuse_missing_texts
from flows.development import LabelledRows, checked_rows, choose_families, develop, publish
from flows.promotion import concluded, wait_for_decision
from flows.promotion import promote as ask_for_production
from flows.results import Seconds, TrainingResult, training_result
from tasks.promotion import candidate
from tasks.publishing import open_ledger_early
from tasks.tracking import open_store_early


def _run_name() -> str:
    given = flow_run.parameters
    return f"train {given['dataset'] or load_settings().dataset} {given['preset']}"


@flow(
    name="training",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=os.cpu_count() or 1),
)
def training(
    dataset: str | None = None,
    preset: PresetName = "quick",
    families: list[FamilyName] | None = None,
    data: str | None = None,
    promote: bool = True,
) -> TrainingResult | State[None]:
    """Train every family on a data set, examine the champion and ask for production.

    The champion is the best of this training on validation rows. It replaces the model in
    production when it passes the gates; where only a person may decide, it waits for one.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec;
            the data set of the settings unless given.
        preset: How far to search. The quick one is for a first look, the full one for production.
        families: Which families to train; all of the preset unless some are named.
        data: A csv, csv.gz or parquet file, or a glob of parts, instead of the spec's source.
        promote: Whether the champion asks for production; otherwise it is only kept.
    """
    started = time.monotonic()
    settings = load_settings()
    spec = load_spec(dataset or settings.dataset)
    refuse_missing_texts(spec)
    chosen = choose_families(families, preset, settings.training)
    open_store_early(settings)
    open_ledger_early(settings)
    decided = concluded(settings)
    if decided:
        return decided
    checked = checked_rows(spec, data, settings)
    rows = LabelledRows(checked, label(checked.rows, spec))
    developed = develop(rows, spec, preset, chosen, settings)
    published = publish(developed, settings)
    asked = None
    if promote:
        wanted = candidate(developed.record, developed.judged.compared_with, settings)
        asked = ask_for_production(wanted, developed.judged.verdict, settings)
    seconds = Seconds(total=time.monotonic() - started, assessment=developed.seconds)
    result = training_result(developed.record, published, asked, seconds)
    if asked:
        wait_for_decision(asked)
    return result
