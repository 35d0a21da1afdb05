"""The evaluation flow: how a package does on rows with known outcomes."""

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote

from configs.datasets import load_spec, resolve_source
from configs.settings import Settings, load_settings
from credit.expressions import FloatArray
from credit.features import from_frame
from credit.labels import label
from credit.metrics import evaluate
from credit.package import Package
from credit.scoring import Scorer
from credit.spec import DatasetSpec
from credit.splits import split
from credit.validation import RowsError
from flows.packages import find_package_of
from flows.results import EvaluationResult, evaluation_result
from tasks.artifacts import publish_evaluation
from tasks.circumstances import run_id
from tasks.data import CheckedRows, check, quarantine_path, read
from tasks.plots import calibration_plot, roc_plot
from tasks.provenance import schema_sum, training_warnings
from tasks.record import Evaluation
from tasks.tracking import track_evaluation


def _run_name() -> str:
    return f"evaluate {flow_run.parameters['dataset'] or load_settings().dataset}"


@flow(name="evaluation", flow_run_name=_run_name)
def evaluation(
    dataset: str | None = None, data: str | None = None, digest: str | None = None
) -> EvaluationResult:
    """Measure a package on the test part of its data set, or on all rows of a file.

    Rows are read, checked and labelled by the package's own schema; only where they lie is taken
    from the spec.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec;
            the data set of the settings unless given.
        data: A csv, csv.gz or parquet file whose rows are all used, instead of the test part.
        digest: The package's digest or its beginning; the one in production unless given.
    """
    settings = load_settings()
    spec = load_spec(dataset or settings.dataset)
    package = find_package_of(settings, spec.name, digest)
    frame = read(resolve_source(spec, data), package.schema)
    quarantine = quarantine_path(settings, spec.name, run_id())
    checked = check(quote(frame), package.schema, settings.training.most_rejected, quarantine)
    notes = _notes(package, spec)
    record, plots = _judge(package, checked, settings, notes, whole=data is not None)
    for warning in record.warnings:
        get_run_logger().warning("%s", warning)
    tracked = track_evaluation(quote(record), plots, settings)
    publish_evaluation(quote(record), tracked, plots)
    return evaluation_result(record, settings.packages / package.digest, tracked)


def _notes(package: Package, spec: DatasetSpec) -> tuple[str, ...]:
    if schema_sum(spec) == package.manifest.spec:
        return ()
    changed = f"The spec of {spec.name} has changed since the training"
    return (f"{changed}; rows are checked and judged by the package's own.",)


def _judge(
    package: Package,
    checked: CheckedRows,
    settings: Settings,
    notes: tuple[str, ...],
    *,
    whole: bool,
) -> tuple[Evaluation, dict[str, bytes]]:
    """Score the rows and compare with what became of them."""
    schema, plan = package.schema, settings.training
    labels = label(checked.rows, schema)
    used = (
        labels.matured if whole else split(checked.rows, labels, schema, plan.splits).part == "test"
    )
    bad = labels.bad[used]
    if len(np.unique(bad)) < 2:
        raise RowsError(
            f"{len(bad):,} rows can be judged and all are of one kind; give rows with known "
            "outcomes, good and bad"
        )
    probability = _probabilities(package, checked.rows[used])
    title = package.manifest.family
    plots = {
        "roc": roc_plot(bad, {title: probability}, title),
        "calibration": calibration_plot(bad, probability, title),
    }
    record = Evaluation(
        run_id=run_id(),
        dataset=schema.name,
        family=package.manifest.family,
        digest=package.digest,
        fingerprint=checked.fingerprint,
        rejected=checked.rejected,
        rejected_share=checked.rejected_share,
        quarantine=checked.quarantine,
        rows_from="file" if whole else "test part",
        rows=len(bad),
        bad_rate=float(bad.mean()),
        metrics=evaluate(bad, probability, plan.bootstrap_samples, plan.seed),
        warnings=training_warnings(package, checked.fingerprint, settings, whole=whole),
        notes=notes,
    )
    return record, plots


def _probabilities(package: Package, rows: pd.DataFrame) -> FloatArray:
    return Scorer(package.schema, package.graph).probabilities(from_frame(rows, package.schema))
