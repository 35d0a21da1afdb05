"""How well the five families rank and how honest they are, by nested cross-validation.

The outer folds are scikit-learn's StratifiedKFold(5, shuffle=True, random_state=0) over all rows.
The training part of each goes through the same search, fit and calibration as in a training, with
its own vocabulary; the outer test part is scored once and decides nothing.
"""

import json
import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter

import numpy as np
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from benchmarks.benchmark import Benchmark, Options, Result
from benchmarks.machine import circumstances
from benchmarks.report import table, verdict
from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.features import Applications, FeatureMap, Vocabulary, from_frame
from credit.labels import BadArray, label
from credit.metrics import evaluate
from credit.models import FAMILIES
from credit.plan import FamilyName, PresetName, TrainingPlan
from credit.spec import Schema
from credit.training import fit_family
from credit.validation import validate
from tasks.sources import fingerprint, read_rows

OUTER_FOLDS = 5
DATASETS = ("taiwan-default", "german-credit")
# The cheap and the decisive ones first, so that a look at the log tells early.
ORDER: tuple[FamilyName, ...] = (
    "woe_logistic",
    "xgboost",
    "random_forest",
    "pca_logistic",
    "network",
)
METRICS = ("auc", "ks", "brier", "log_loss", "calibration_error", "calibration_slope")
TITLES = ("AUC", "KS", "Brier", "log loss", "calibration error", "calibration slope")
LEAST_AUC, LEAST_WOE_AUC, MOST_BRIER = 0.785, 0.773, 0.1338
PACKAGES = ("numpy", "scikit-learn", "xgboost-cpu", "tensorflow-cpu", "optuna")

PROTOCOL = (
    "Five outer folds, `StratifiedKFold(5, shuffle=True, random_state=0)`; search (preset "
    "`{preset}`), fit and calibration are nested inside each of them, and protected columns are "
    "kept out. Means over the folds, with their standard deviation for the AUC."
)


@dataclass(frozen=True)
class Cell:
    """One family on one outer fold, counted from 1."""

    dataset: str
    family: FamilyName
    fold: int
    preset: PresetName


@dataclass(frozen=True)
class Rows:
    """All rows of a data set."""

    schema: Schema
    applications: Applications
    bad: BadArray
    fingerprint: str


def load_rows(dataset: str) -> Rows:
    spec = load_spec(dataset)
    checked = validate(read_rows(resolve_source(spec), spec), spec)
    bad = label(checked.rows, spec).bad
    return Rows(spec, from_frame(checked.rows, spec), bad, fingerprint(checked.rows))


def measure_cell(cell: Cell, rows: Rows, plan: TrainingPlan) -> dict[str, float]:
    """Search, fit and calibrate on the training part, measure on the test part."""
    # Two jobs with two BLAS threads each on two cores get in each other's way.
    with threadpool_limits(1):
        return _measure_cell(cell, rows, plan)


def _measure_cell(cell: Cell, rows: Rows, plan: TrainingPlan) -> dict[str, float]:
    started = perf_counter()
    fitted_rows, held_out = _outer_folds(rows.bad)[cell.fold - 1]
    train, bad = rows.applications[fitted_rows], rows.bad[fitted_rows]
    vocabulary = Vocabulary.fit(train.categories, plan.fewest_rows_per_level)
    features = FeatureMap(rows.schema, vocabulary)
    preset = plan.presets[cell.preset]
    fitted = fit_family(cell.family, preset, features(train), bad, features.layout, plan)
    probability = fitted.probability(features(rows.applications[held_out]))
    # No interval is asked for: the folds show the spread.
    estimates = evaluate(rows.bad[held_out], probability, 1, plan.seed)
    values = {name: estimates[name].value for name in METRICS}
    return {**values, "seconds": perf_counter() - started}


def _outer_folds(bad: BadArray) -> list[tuple[np.ndarray, np.ndarray]]:
    splitter = StratifiedKFold(OUTER_FOLDS, shuffle=True, random_state=0)
    return list(splitter.split(np.zeros(len(bad)), bad))


def measure(
    options: Options,
    datasets: Sequence[str] = DATASETS,
    families: Sequence[FamilyName] = ORDER,
) -> Result:
    """Measure every family on every outer fold; an interrupted run goes on where it stopped."""
    facts, preset = circumstances(*PACKAGES), options.preset or "full"
    scratch = options.scratch / "quality"
    if options.fresh:
        shutil.rmtree(scratch, ignore_errors=True)
    cells = [
        Cell(dataset, family, fold, preset)
        for dataset in datasets
        for family in families
        for fold in range(1, OUTER_FOLDS + 1)
    ]
    measured = _measure_all(cells, scratch, options)
    summary = {
        key: value
        for dataset in datasets
        for family in families
        for key, value in _summary(dataset, family, preset, measured)
    }
    shutil.rmtree(scratch)
    return {**facts, "preset": preset, **summary}


def _measure_all(
    cells: Sequence[Cell], scratch: Path, options: Options
) -> dict[Cell, dict[str, float]]:
    plan = load_settings().training
    rows = {dataset: load_rows(dataset) for dataset in {cell.dataset for cell in cells}}
    checkpoints = {cell: scratch / f"{_key(cell, rows[cell.dataset], plan)}.json" for cell in cells}
    measured = {
        cell: json.loads(path.read_text()) for cell, path in checkpoints.items() if path.is_file()
    }
    scratch.mkdir(parents=True, exist_ok=True)
    console = options.console
    if measured:
        console.print(f"resuming: {len(measured)} of {len(cells)} folds are there")
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    # Spawned, because neither TensorFlow nor XGBoost survives a fork.
    spawn = multiprocessing.get_context("spawn")
    with (
        Progress(*columns, console=console) as progress,
        ProcessPoolExecutor(options.jobs, mp_context=spawn) as pool,
    ):
        bar = progress.add_task("quality", total=len(cells), completed=len(measured))
        running = {
            pool.submit(measure_cell, cell, rows[cell.dataset], plan): cell
            for cell in cells
            if cell not in measured
        }
        for done in as_completed(running):
            cell, values = running[done], done.result()
            measured[cell] = values
            _write_whole(checkpoints[cell], json.dumps(values))
            progress.advance(bar)
            console.print(_line(cell, values), soft_wrap=True)
    return measured


def _key(cell: Cell, rows: Rows, plan: TrainingPlan) -> str:
    """Names a cell by all that decides its result but the code."""
    preset = plan.presets[cell.preset]
    decided_by = (
        rows.fingerprint,
        rows.schema.model_dump_json(),
        preset.families[cell.family].model_dump_json(),
        str(preset.folds),
        plan.model_dump_json(exclude={"presets"}),
    )
    digest = sha256("\n".join(decided_by).encode()).hexdigest()[:12]
    return f"{cell.dataset}-{cell.preset}-{cell.family}-{cell.fold}-{digest}"


def _write_whole(path: Path, text: str) -> None:
    incoming = path.with_suffix(".incoming")
    incoming.write_text(text)
    incoming.replace(path)


def _line(cell: Cell, values: dict[str, float]) -> str:
    shown = " ".join(f"{name} {values[name]:.4f}" for name in METRICS)
    return f"{cell.dataset} {cell.family} fold {cell.fold}: {shown} in {values['seconds']:.0f} s"


def _summary(
    dataset: str, family: FamilyName, preset: PresetName, measured: dict[Cell, dict[str, float]]
) -> Iterator[tuple[str, float]]:
    prefix = key(dataset, family)
    folds = [measured[Cell(dataset, family, fold, preset)] for fold in range(1, OUTER_FOLDS + 1)]
    for name in METRICS:
        values = [round(fold[name], 6) for fold in folds]
        yield f"{prefix}_{name}", round(mean(values), 6)
        yield f"{prefix}_{name}_sd", round(stdev(values), 6)
        yield from ((f"{prefix}_{name}_fold_{n}", value) for n, value in enumerate(values, 1))
    yield f"{prefix}_seconds", round(sum(fold["seconds"] for fold in folds), 1)


def key(dataset: str, family: str) -> str:
    """What a result's keys start with."""
    return f"{dataset}_{family}".replace("-", "_")


def show(result: Result) -> str:
    parts = [PROTOCOL.format(preset=result["preset"])]
    for dataset in DATASETS:
        ranked = _ranked(result, dataset)
        if ranked:
            rows = [_row(result, dataset, family) for family in ranked]
            parts += [f"### {dataset}", table(["family", *TITLES], rows)]
    if _ranked(result, DATASETS[0]):
        parts.append(_targets(result))
    return "\n\n".join(parts)


def _ranked(result: Result, dataset: str) -> list[FamilyName]:
    """The families that were measured, the best AUC first."""
    aucs = {family: result.get(f"{key(dataset, family)}_auc") for family in FAMILIES}
    known = {family: float(auc) for family, auc in aucs.items() if auc is not None}
    return sorted(known, key=lambda family: -known[family])


def _row(result: Result, dataset: str, family: FamilyName) -> list[str]:
    values = [float(result[f"{key(dataset, family)}_{name}"]) for name in METRICS]
    spread = float(result[f"{key(dataset, family)}_auc_sd"])
    return [
        FAMILIES[family].title,
        f"{values[0]:.4f} ± {spread:.4f}",
        *(f"{value:.4f}" for value in values[1:-1]),
        f"{values[-1]:.3f}",
    ]


def _targets(result: Result) -> str:
    dataset = DATASETS[0]
    best = key(dataset, _ranked(result, dataset)[0])
    woe = float(result.get(f"{key(dataset, 'woe_logistic')}_auc", 0.0))
    return (
        f"Targets on {dataset}: best AUC at least {LEAST_AUC}: "
        f"{verdict(float(result[f'{best}_auc']) >= LEAST_AUC)}; AUC of the weight-of-evidence "
        f"logistic at least {LEAST_WOE_AUC}: {verdict(woe >= LEAST_WOE_AUC)}; Brier score of the "
        f"best at most {MOST_BRIER}: {verdict(float(result[f'{best}_brier']) <= MOST_BRIER)}."
    )


BENCHMARK = Benchmark("quality", "Model quality", measure, show)
