"""The evaluation flow: how a package does on rows with known outcomes."""

import numpy as np
import pandas as pd
from prefect import flow
from prefect.utilities.annotations import quote

from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.expressions import FloatArray
from credit.features import from_frame
from credit.labels import label
from credit.metrics import evaluate
from credit.package import Package
from credit.plan import TrainingPlan
from credit.scoring import Scorer
from credit.spec import DatasetSpec
from credit.splits import split
from credit.validation import RowsError
from flows.packages import find_package
from flows.results import EvaluationResult, evaluation_result
from tasks.artifacts import publish_evaluation
from tasks.circumstances import run_id
from tasks.data import CheckedRows, check, quarantine_path, read
from tasks.plots import calibration_plot, roc_plot
from tasks.record import Evaluation
from tasks.tracking import track_evaluation


@flow(name="evaluation", flow_run_name="evaluate {dataset}")
def evaluation(
    dataset: str = "taiwan-default", data: str | None = None, digest: str | None = None
) -> EvaluationResult:
    """Measure a package on the test part of its data set, or on all rows of a file.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec.
        data: A csv, csv.gz or parquet file whose rows are all used, instead of the test part.
        digest: The package's digest or its beginning; the one in production unless given.
    """
    settings, spec = load_settings(), load_spec(dataset)
    package = find_package(settings, spec.name, digest)
    frame = read(resolve_source(spec, data), spec)
    quarantine = quarantine_path(settings, spec.name, run_id())
    checked = check(quote(frame), spec, settings.training.most_rejected, quarantine)
    record, plots = _judge(package, checked, spec, settings.training, whole=data is not None)
    tracked = track_evaluation(quote(record), plots, settings)
    publish_evaluation(quote(record), tracked, plots)
    return evaluation_result(record, settings.packages / package.digest, tracked)


def _judge(
    package: Package, checked: CheckedRows, spec: DatasetSpec, plan: TrainingPlan, whole: bool
) -> tuple[Evaluation, dict[str, bytes]]:
    """Score the rows and compare with what became of them."""
    labels = label(checked.rows, spec)
    used = (
        labels.matured if whole else split(checked.rows, labels, spec, plan.splits).part == "test"
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
        dataset=spec.name,
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
    )
    return record, plots


def _probabilities(package: Package, rows: pd.DataFrame) -> FloatArray:
    return Scorer(package).probabilities(from_frame(rows, package.schema))
