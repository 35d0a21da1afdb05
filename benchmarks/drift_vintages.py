"""LendingClub's loans of 2009, against a champion that was made on those before.

A backtest: the lender had approved every loan of both sides, and all outcomes are known by now.
"""

import numpy as np
import pandas as pd

from benchmarks.benchmark import Result
from benchmarks.development import train
from benchmarks.drift_pools import (
    FAMILY,
    LENDINGCLUB,
    Columns,
    checked_rows,
    codes_of,
    columns_of,
    importance,
    profile_of,
)
from configs.settings import load_settings
from credit.calibration import probability
from credit.drift import compare, judge
from credit.expressions import FloatArray
from credit.features import from_frame
from credit.labels import BadArray, label
from credit.performance import Performance, measure
from credit.plan import DriftPlan
from credit.profiles import ColumnProfile
from credit.shifts import WindowDrift
from credit.spec import Schema
from credit.splits import PartArray, hash_draws, row_keys
from credit.training import Development, TrainedFamily, prepare

START, END = "2009-01-01", "2010-01-01"
THRESHOLD = 0.5
WORST = 5


def measure_vintages() -> Result:
    """Drift of the year and of its months, and how many bads came of those that were expected."""
    settings = load_settings()
    spec, rows = checked_rows(LENDINGCLUB)
    bad, times = label(rows, spec).bad, rows[spec.time]
    old = (times < START).to_numpy()
    new = ((times >= START) & (times < END)).to_numpy()
    part = _parts(rows[old], spec)
    development = prepare(rows[old], bad[old], part, spec, settings.training)
    champion = train(FAMILY, "quick", development)
    columns = columns_of(spec, from_frame(rows, spec))
    profiles = {
        name: profile_of(values[old], codes_of(spec).get(name, ()))
        for name, values in columns.items()
    }
    weights = importance(champion, development)
    months = times.dt.month.to_numpy()
    monthly = [
        _drift(profiles, _rows(columns, new & (months == month)), weights, settings.drift)
        for month in np.unique(months[new])
    ]
    expected = _expected(champion, development, rows[new], spec)
    return {
        "vintage_reference_rows": int(old.sum()),
        **_drift_figures(_drift(profiles, _rows(columns, new), weights, settings.drift)),
        "vintage_months": len(monthly),
        "vintage_months_not_calm": sum(month.level != "calm" for month in monthly),
        **_performance_figures("vintage", _performance(bad[new], expected)),
        **_performance_figures("vintage_own", _performance(development.test.bad, champion.test)),
    }


def _parts(rows: pd.DataFrame, spec: Schema) -> PartArray:
    """By hash alone: the gap that a split by time needs is as long as these loans' history."""
    plan = load_settings().training.splits
    draws = hash_draws(row_keys(rows, spec), plan.salt)
    later = np.where(draws < plan.test + plan.validation, "validation", "train")
    return np.where(draws < plan.test, "test", later).astype(object)


def _expected(
    champion: TrainedFamily, development: Development, rows: pd.DataFrame, spec: Schema
) -> FloatArray:
    features = development.feature_map(from_frame(rows, spec))
    return probability(champion.calibrator, champion.model.margin(features))


def _rows(columns: Columns, chosen: np.ndarray) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}


def _drift(
    profiles: dict[str, ColumnProfile],
    window: Columns,
    weights: dict[str, float],
    plan: DriftPlan,
) -> WindowDrift:
    shifts = {
        name: compare(name, profile, profile.of(window[name])) for name, profile in profiles.items()
    }
    rows = len(next(iter(window.values())))
    reference_rows = next(iter(profiles.values())).rows
    return judge(shifts, weights, rows, reference_rows, plan)


def _performance(bad: BadArray, expected: FloatArray) -> Performance:
    plan = load_settings().training
    return measure(bad, expected, None, THRESHOLD, 1, plan.bootstrap_samples, plan.seed)


def _drift_figures(drift: WindowDrift) -> Result:
    drifted = [each.shift.name for each in drift.columns if each.has_drifted]
    return {
        "vintage_rows": drift.rows,
        "vintage_level": drift.level,
        "vintage_score": round(drift.score, 3),
        "vintage_drifted": drift.drifted,
        "vintage_columns": len(drift.columns),
        "vintage_worst": ", ".join(drifted[:WORST]),
    }


def _performance_figures(prefix: str, found: Performance) -> Result:
    figures: Result = {
        f"{prefix}_bad_rate": round(found.bad_rate.value, 4),
        f"{prefix}_mean_pd": round(found.mean_pd, 4),
    }
    if found.observed_to_expected:
        for bound, value in found.observed_to_expected.as_dict().items():
            figures[f"{prefix}_ratio_{bound}"] = round(value, 3)
    if found.metrics:
        figures[f"{prefix}_auc"] = round(found.metrics["auc"].value, 4)
    return figures
