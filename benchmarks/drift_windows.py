"""How often single windows raise an alarm: clean ones, and those with a planted shift.

Reference and window are drawn from the same rows, so every alarm of a clean window is false. The
planted shifts are made on top of the same clean windows. Evidently judges some of them, column by
column with its own tests, as its report does.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from benchmarks.drift_pools import (
    Columns,
    Pool,
    Values,
    draw_sides,
    is_text,
    psi_bins,
    shifted_chances,
    with_bad_rate,
    without_level,
)
from configs.settings import load_settings
from credit.drift import compare, judge
from credit.expressions import FloatArray
from credit.features import MISSING
from credit.plan import DriftPlan
from credit.profiles import ColumnProfile
from credit.shifts import ColumnShift

SIZES = (200, 1_000, 10_000, 100_000)
CLEAN = "clean"
SHIFTS = {
    "psi10": "PSI 0.10 in a leading column",
    "psi25": "PSI 0.25 in a leading column",
    "missing": "10% missing in a leading column",
    "vanished": "a level of the leading category gone",
    "prior": "bad rate doubled",
}
PSI = {"psi10": 0.10, "psi25": 0.25}
MISSING_SHARE = 0.1
PRIOR_TIMES = 2.0
# Evidently's report says so of a data set when this share of its columns has drifted.
DATASET_SHARE = 0.5

Found = TypeVar("Found")


@dataclass(frozen=True)
class Planted:
    """A window in which some columns are others, and the one that was aimed at."""

    columns: Columns
    column: str | None = None


class Plants:
    """Draws the planted shifts of a pool."""

    def __init__(self, pool: Pool):
        self._pool = pool
        bins = {
            name: psi_bins(pool.profile(name, pool.columns[name]), pool.columns[name])
            for name in pool.leading
        }
        self._shifted = {
            (shift, name, up): shifted_chances(bins[name], psi, up)
            for shift, psi in PSI.items()
            for name in pool.leading
            for up in (False, True)
        }
        self._vanished = without_level(pool.columns[pool.leading_category])
        self._prior = with_bad_rate(pool.bad, min(PRIOR_TIMES, 0.9 / float(pool.bad.mean())))

    def draw(
        self, number: int, clean: Columns, generator: np.random.Generator
    ) -> dict[str, Planted]:
        """Every shift once, on the leading columns in turn and upwards or downwards in turn."""
        rows = len(next(iter(clean.values())))
        name = self._pool.leading[number % len(self._pool.leading)]
        up = bool(number // len(self._pool.leading) % 2)

        def redrawn(column: str, chances: FloatArray) -> Planted:
            index = generator.choice(len(self._pool), rows, p=chances)
            return Planted({column: self._pool.columns[column][index]}, column)

        category = self._pool.leading_category
        index = generator.choice(len(self._pool), rows, p=self._prior)
        return {
            **{shift: redrawn(name, self._shifted[shift, name, up]) for shift in PSI},
            "missing": Planted({name: _with_gaps(clean[name], generator)}, name),
            "vanished": redrawn(category, self._vanished),
            "prior": Planted(self._pool.rows(index)),
        }


def _with_gaps(values: Values, generator: np.random.Generator) -> Values:
    gone = generator.random(len(values)) < MISSING_SHARE
    return np.where(gone, MISSING if is_text(values) else np.nan, values)


@dataclass(frozen=True)
class Judge(Generic[Found]):
    """One way to judge a window.

    found: what it finds in each of some columns.
    said: figures from what it found in all of them, and in the one that was aimed at.
    """

    found: Callable[[Columns], dict[str, Found]]
    said: Callable[[Mapping[str, Found], str | None], dict[str, float]]


def ours(pool: Pool, reference: Columns, rows: int, plan: DriftPlan) -> Judge[ColumnShift]:
    """As `drift_check` judges, for windows of so many rows."""
    reference_rows = len(next(iter(reference.values())))
    profiles: dict[str, ColumnProfile] = {
        name: pool.profile(name, values) for name, values in reference.items()
    }

    def found(columns: Columns) -> dict[str, ColumnShift]:
        return {
            name: compare(name, profiles[name], profiles[name].of(values))
            for name, values in columns.items()
        }

    def said(shifts: Mapping[str, ColumnShift], column: str | None) -> dict[str, float]:
        window = judge(shifts, pool.importance, rows, reference_rows, plan)
        drifted = {each.shift.name: each.has_drifted for each in window.columns}
        figures = {"ours": float(window.level != "calm")}
        if column:
            score = shifts[column].score
            figures |= {"ours_column": float(drifted[column]), "ours_score": score}
        return figures

    return Judge(found, said)


def evidently(name: str, methods: tuple[str | None, str | None], reference: Columns) -> Judge[bool]:
    """Evidently's tests of a (number, category); None leaves the choice to Evidently."""
    from evidently.legacy.calculations.stattests import get_stattest

    before = {column: _series(values) for column, values in reference.items()}

    def flagged(column: str, values: Values) -> bool:
        kind, method = ("cat", methods[1]) if is_text(values) else ("num", methods[0])
        now = _series(values)
        if now.empty or before[column].empty:
            return True
        test = get_stattest(before[column], now, kind, method)
        return bool(test(before[column], now, kind, None).drifted)

    def found(columns: Columns) -> dict[str, bool]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # SciPy's on levels that the reference lacks
            return {column: flagged(column, values) for column, values in columns.items()}

    def said(flags: Mapping[str, bool], column: str | None) -> dict[str, float]:
        share = sum(flags.values()) / len(flags)
        figures = {f"{name}_any": float(share > 0), f"{name}_dataset": share >= DATASET_SHARE}
        return figures | ({f"{name}_column": float(flags[column])} if column else {})

    return Judge(found, said)


def _series(values: Values) -> pd.Series:
    """Without what is missing, which Evidently drops before it tests."""
    column = pd.Series(values)
    return column[column != MISSING] if is_text(values) else column.dropna()


def measure_windows(
    pool: Pool, rows: int, windows: int, beside: int, seed: int
) -> dict[str, float]:
    """Means of the figures over windows of so many rows; Evidently judges the first `beside`."""
    generator, plan = np.random.default_rng([seed, rows]), load_settings().drift
    plants = Plants(pool)
    seen: dict[str, list[float]] = defaultdict(list)
    for number in range(windows):
        reference_rows, window_rows = draw_sides(pool, rows, generator)
        reference, clean = pool.rows(reference_rows), pool.rows(window_rows)
        planted = plants.draw(number, clean, generator)
        judges: list[Judge] = [ours(pool, reference, rows, plan)]
        if number < beside:
            judges.append(evidently("defaults", (None, None), reference))
            judges.append(evidently("tests", ("ks", "chisquare"), reference))
        for each in judges:
            for figure, value in _figures(each, clean, planted):
                seen[figure].append(value)
    return {figure: float(np.mean(values)) for figure, values in seen.items()}


def _figures(
    judge: Judge[Found], clean: Columns, planted: Mapping[str, Planted]
) -> Iterator[tuple[str, float]]:
    found = judge.found(clean)
    for figure, value in judge.said(found, None).items():
        yield f"{CLEAN}_{figure}", value
    for shift, plant in planted.items():
        changed = {**found, **judge.found(plant.columns)}
        for figure, value in judge.said(changed, plant.column).items():
            yield f"{shift}_{figure}", value
