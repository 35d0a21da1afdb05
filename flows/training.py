"""The training flow: from a data set's rows to a champion in production."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote
from threadpoolctl import threadpool_limits

from configs.datasets import load_spec, resolve_source
from configs.settings import Settings, SettingsError, load_settings
from credit.labels import label
from credit.leakage import leakage_warnings
from credit.package import Package, Provenance
from credit.plan import FamilyName, PresetName, TrainingPlan
from credit.spec import DatasetSpec
from credit.splits import Part, split
from credit.training import SLOWEST_FIRST, Development, TrainedFamily, choose_champion, prepare
from flows.results import TrainingResult, training_result
from tasks.artifacts import publish_training
from tasks.circumstances import requester, run_id
from tasks.data import CheckedRows, check, quarantine_path, read
from tasks.fitting import fit
from tasks.plots import calibration_plot, roc_plot
from tasks.provenance import provenance
from tasks.publishing import attest, deploy, open_ledger_early, pack_bento, write_packages
from tasks.record import Data, Fit, Training
from tasks.tracking import name_champion, open_store_early, register_champion, track_training


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
) -> TrainingResult:
    """Train every family on a data set, choose the champion and put it in production.

    The champion is the best of this training. It replaces the model in production without being
    compared with it; gates come with a later version.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec;
            the data set of the settings unless given.
        preset: How far to search. The quick one is for a first look, the full one for production.
        families: Which families to train; all of the preset unless some are named.
        data: A csv, csv.gz or parquet file, or a glob of parts, instead of the spec's source.
        promote: Whether the champion replaces the model in production, without being compared
            with it; otherwise it is only kept.
    """
    started = time.monotonic()
    settings = load_settings()
    spec = load_spec(dataset or settings.dataset)
    chosen = _choose(families, preset, settings.training)
    open_store_early(settings)
    open_ledger_early(settings)
    checked = _checked_rows(spec, data, settings)
    development, described = _develop(checked, spec, settings.training)
    fitted = _fit_all(chosen, preset, development, settings.training)
    made_from = provenance(spec, settings, preset, chosen, checked.fingerprint)
    record = _package(fitted, development, preset, made_from, described, settings)
    plots = _plots(record, development)
    tracked = track_training(quote(record), plots, settings)
    bento = pack_bento(quote(record.champion), settings)
    version = register_champion(quote(record), tracked, settings)
    attest(quote(record), tracked, version, bento, settings)
    publish_training(quote(record), tracked, plots)
    if promote:
        # The ledger decides what serves; MLflow follows, so it may lag behind but never lead.
        deploy(quote(record), settings)
        name_champion(record.dataset, version, settings)
    return training_result(record, tracked, version, bento, promote, time.monotonic() - started)


def _choose(
    families: Sequence[FamilyName] | None, preset: PresetName, plan: TrainingPlan
) -> list[FamilyName]:
    """The families to train, in the order of the plan."""
    if preset not in plan.presets:
        raise SettingsError(
            f"preset {preset!r} is not configured; there is {', '.join(plan.presets)}"
        )
    known = plan.presets[preset].families
    unknown = sorted(set(families or ()) - set(known))
    if unknown:
        raise SettingsError(
            f"preset {preset} has no family {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return [family for family in known if not families or family in families]


def _checked_rows(spec: DatasetSpec, data: str | None, settings: Settings) -> CheckedRows:
    frame = read(resolve_source(spec, data), spec)
    quarantine = quarantine_path(settings, spec.name, run_id())
    return check(quote(frame), spec, settings.training.most_rejected, quarantine)


def _develop(
    checked: CheckedRows, spec: DatasetSpec, plan: TrainingPlan
) -> tuple[Development, Data]:
    """Label, split, look for leaks, and turn rows into features."""
    labels = label(checked.rows, spec)
    parts = split(checked.rows, labels, spec, plan.splits)
    leaks = leakage_warnings(checked.rows, labels.bad, parts.part, spec)
    counts = Counter(parts.part.tolist())
    described = Data(
        dataset=spec,
        fingerprint=checked.fingerprint,
        rows={part: counts[part] for part in get_args(Part) if part in counts},
        bad_rates={part: summary.bad_rate for part, summary in parts.summary.items()},
        rejected=checked.rejected,
        rejected_share=checked.rejected_share,
        quarantine=checked.quarantine,
        warnings=(*parts.warnings, *leaks),
        notes=parts.notes,
    )
    for warning in described.warnings:
        get_run_logger().warning("%s", warning)
    return prepare(checked.rows, labels.bad, parts.part, spec, plan), described


def _fit_all(
    families: Sequence[FamilyName],
    preset: PresetName,
    development: Development,
    plan: TrainingPlan,
) -> list[tuple[TrainedFamily, float]]:
    """Fit side by side, the slow ones first, so that no core waits for the last.

    Each has one thread for linear algebra: more would fight over the cores, and the last bits of
    a sum would depend on how many there are.
    """
    arguments = (plan.presets[preset], quote(development), plan)
    by_cost = sorted(families, key=SLOWEST_FIRST.index)
    with threadpool_limits(1):
        running = {family: fit.submit(family, *arguments) for family in by_cost}
        return [running[family].result() for family in families]


def _package(
    fitted: Sequence[tuple[TrainedFamily, float]],
    development: Development,
    preset: PresetName,
    made_from: Provenance,
    data: Data,
    settings: Settings,
) -> Training:
    """Give every family its package."""
    trained = [family for family, _ in fitted]
    packages = [Package.build(data.dataset, each.family, each.graph, made_from) for each in trained]
    paths = write_packages(quote(packages), settings)
    fits = [
        Fit(family, seconds, package.digest, path, _own_plots(family, development))
        for (family, seconds), package, path in zip(fitted, packages, paths, strict=True)
    ]
    champion = choose_champion(trained)
    return Training(
        run_id=run_id(),
        preset=preset,
        seed=settings.training.seed,
        requester=requester(),
        data=data,
        fits=tuple(sorted(fits, key=lambda each: each.validation_auc, reverse=True)),
        champion=next(each for each in fits if each.trained is champion),
    )


def _own_plots(trained: TrainedFamily, development: Development) -> dict[str, bytes]:
    """What a family's run in MLflow shows."""
    bad, title = development.test.bad, trained.title
    return {
        "roc": roc_plot(bad, {title: trained.test}, title),
        "calibration": calibration_plot(bad, trained.test, title),
    }


def _plots(record: Training, development: Development) -> dict[str, bytes]:
    """All families' ROC curves, and how honest the champion's probabilities are."""
    bad, best = development.test.bad, record.champion.trained
    curves = {each.trained.title: each.trained.test for each in record.fits}
    return {
        "roc": roc_plot(bad, curves, best.title),
        "calibration": calibration_plot(bad, best.test, best.title),
    }
