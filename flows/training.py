"""The training flow: from a data set's rows to a champion in production."""

import importlib
import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from prefect import State, flow, get_run_logger
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote
from threadpoolctl import threadpool_limits

from configs.datasets import load_spec, resolve_source
from configs.settings import Settings, SettingsError, load_settings
from credit.assessment import Assessor
from credit.labels import label
from credit.leakage import leakage_warnings
from credit.plan import FamilyName, PresetName, TrainingPlan
from credit.reasoning import refuse_missing_texts
from credit.spec import DatasetSpec
from credit.splits import Part, PartArray, split
from credit.training import SLOWEST_FIRST, Development, TrainedFamily, choose_champion, prepare
from flows.assessment import Assessed, assess_all, assessor
from flows.examination import Judged, judge_champion
from flows.promotion import concluded, wait_for_decision
from flows.promotion import promote as ask_for_production
from flows.results import Seconds, TrainingResult, training_result
from tasks.artifacts import publish_training
from tasks.circumstances import requester, run_id
from tasks.data import CheckedRows, check, quarantine_path, read
from tasks.fitting import fit
from tasks.promotion import candidate
from tasks.provenance import provenance
from tasks.publishing import (
    attest,
    open_ledger_early,
    pack_bento,
    write_documents,
    write_packages,
)
from tasks.record import Data, Fit, Training
from tasks.tracking import open_store_early, register_champion, track_training


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
    chosen = _choose(families, preset, settings.training)
    open_store_early(settings)
    open_ledger_early(settings)
    decided = concluded(settings)
    if decided:
        return decided
    checked = _checked_rows(spec, data, settings)
    parts, development, described = _develop(checked, spec, settings.training)
    made_from = provenance(spec, settings, preset, chosen, checked.fingerprint)
    by = assessor(checked.rows, parts, development, settings)
    fitted = _fit_all(chosen, preset, by, settings.training)
    fitted_at = time.monotonic()
    assessed = assess_all(fitted, by, described, made_from)
    champion = _champion(assessed)
    test_rows = checked.rows[parts == "test"]
    judged = judge_champion(champion, assessed, test_rows, by, preset, settings)
    record = _record(assessed, champion, judged, preset, described, settings)
    assessed_at = time.monotonic()
    packing = pack_bento.submit(quote(record.champion), settings)
    tracked = track_training(quote(record), judged.figures, settings)
    version = register_champion(quote(record), tracked, settings)
    publish_training(quote(record), tracked, judged.figures)
    bento = packing.result()
    attest(quote(record), tracked, version, bento, settings)
    asked = None
    if promote:
        wanted = candidate(record, judged.compared_with, settings)
        asked = ask_for_production(wanted, judged.verdict, settings)
    seconds = Seconds(total=time.monotonic() - started, assessment=assessed_at - fitted_at)
    result = training_result(record, tracked, version, bento, asked, seconds)
    if asked:
        wait_for_decision(asked)
    return result


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
) -> tuple[PartArray, Development, Data]:
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
    development = prepare(checked.rows, labels.bad, parts.part, spec, plan)
    return parts.part, development, described


def _fit_all(
    families: Sequence[FamilyName],
    preset: PresetName,
    by: Assessor,
    plan: TrainingPlan,
) -> list[tuple[TrainedFamily, float]]:
    """Fit side by side, the slow ones first, so that no core waits for the last.

    Each has one thread for linear algebra: more would fight over the cores, and the last bits of
    a sum would depend on how many there are.
    """
    arguments = (plan.presets[preset], quote(by), plan)
    by_cost = sorted(families, key=SLOWEST_FIRST.index)
    with threadpool_limits(1):
        running = {family: fit.submit(family, *arguments) for family in by_cost}
        if "network" in running:
            # It takes longer to load than all others together: now, while this thread would wait.
            importlib.import_module("tensorflow")
        return [running[family].result() for family in families]


def _champion(assessed: Sequence[Assessed]) -> Assessed:
    best = choose_champion([each.trained for each in assessed])
    return next(each for each in assessed if each.trained is best)


def _record(
    assessed: Sequence[Assessed],
    champion: Assessed,
    judged: Judged,
    preset: PresetName,
    data: Data,
    settings: Settings,
) -> Training:
    """Store packages and documents, and put on record what was made."""
    paths = write_packages(quote([each.package for each in assessed]), settings)
    documents = write_documents(
        quote(judged.documents), champion.package.digest, run_id(), settings
    )
    fits = [
        Fit(
            each.trained,
            each.seconds,
            each.assessment,
            each.package.digest,
            path,
            each.figures,
        )
        for each, path in zip(assessed, paths, strict=True)
    ]
    return Training(
        run_id=run_id(),
        preset=preset,
        seed=settings.training.seed,
        requester=requester(),
        data=data,
        fits=tuple(sorted(fits, key=lambda each: each.validation_auc, reverse=True)),
        champion=next(each for each in fits if each.digest == champion.package.digest),
        verdict=judged.verdict,
        documents=documents,
    )
