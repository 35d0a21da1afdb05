"""From labelled rows to a published champion: what a training and a retraining have in common."""

import importlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger
from prefect.utilities.annotations import quote
from threadpoolctl import threadpool_limits

from configs.datasets import resolve_source
from configs.settings import Settings, SettingsError
from credit.assessment import Assessor
from credit.features import Applications
from credit.labels import Labels
from credit.leakage import leakage_warnings
from credit.plan import FamilyName, PresetName, TrainingPlan
from credit.spec import DatasetSpec
from credit.splits import Part, PartArray, split
from credit.training import SLOWEST_FIRST, Development, TrainedFamily, choose_champion, prepare
from flows.assessment import Assessed, assess_all, assessor
from flows.examination import Judged, judge_champion
from tasks.artifacts import publish_training
from tasks.circumstances import requester, run_id
from tasks.data import CheckedRows, check, quarantine_path, read
from tasks.fitting import fit
from tasks.provenance import provenance
from tasks.publishing import attest, pack_bento, write_documents, write_packages
from tasks.record import Data, Fit, Published, Training
from tasks.tracking import register_champion, track_training


@dataclass(frozen=True)
class LabelledRows:
    """Checked rows and what became of them.

    newest: which rows are the newest outcomes, on which champion and challenger are compared once
    more [rows]; none: there are no such rows.
    applications: those that are normal from now on; none: those of the rows.
    notes: what else to know of the rows.
    """

    checked: CheckedRows
    labels: Labels
    newest: NDArray[np.bool_] | None = None
    applications: Applications | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Developed:
    """The champion of some rows, on record and judged. seconds: of assessment and documents."""

    record: Training
    judged: Judged
    seconds: float


def choose_families(
    families: Sequence[FamilyName] | None, preset: PresetName, plan: TrainingPlan
) -> list[FamilyName]:
    """The families to train, in the order of the plan.

    Raises:
        SettingsError: the preset is not configured, or has no such family.
    """
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


def checked_rows(spec: DatasetSpec, data: str | None, settings: Settings) -> CheckedRows:
    """All rows of the source, checked and in their fixed order."""
    frame = read(resolve_source(spec, data), spec)
    quarantine = quarantine_path(settings, spec.name, run_id())
    return check(quote(frame), spec, settings.training.most_rejected, quarantine)


def develop(
    rows: LabelledRows,
    spec: DatasetSpec,
    preset: PresetName,
    families: Sequence[FamilyName],
    settings: Settings,
) -> Developed:
    """Train the families, examine the best and store its package and documents."""
    parts, development, described = _prepare(rows, spec, settings.training)
    checked = rows.checked
    made_from = provenance(spec, settings, preset, families, checked.fingerprint)
    by = assessor(checked.rows, parts, development, settings, rows.applications)
    fitted = _fit_all(families, preset, by, settings.training)
    fitted_at = time.monotonic()
    assessed = assess_all(fitted, by, described, made_from)
    champion = _champion(assessed)
    is_test = parts == "test"
    newest = None if rows.newest is None else rows.newest[is_test]
    judged = judge_champion(champion, assessed, checked.rows[is_test], by, preset, settings, newest)
    record = _record(assessed, champion, judged, preset, described, settings)
    return Developed(record, judged, time.monotonic() - fitted_at)


def publish(developed: Developed, settings: Settings) -> Published:
    """Track the champion, register it, build its Bento, and attest to all that."""
    record, judged = developed.record, developed.judged
    packing = pack_bento.submit(quote(record.champion), settings)
    tracked = track_training(quote(record), judged.figures, settings)
    version = register_champion(quote(record), tracked, settings)
    publish_training(quote(record), tracked, judged.figures)
    bento = packing.result()
    attest(quote(record), tracked, version, bento, settings)
    return Published(tracked, version, bento)


def _prepare(
    rows: LabelledRows, spec: DatasetSpec, plan: TrainingPlan
) -> tuple[PartArray, Development, Data]:
    """Split, look for leaks, and turn rows into features."""
    checked, labels = rows.checked, rows.labels
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
        notes=(*rows.notes, *parts.notes),
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
