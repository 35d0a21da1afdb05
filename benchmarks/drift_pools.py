"""Pools of real applications, and samples of them that have drifted by a known amount."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from benchmarks.development import train
from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.expressions import FloatArray
from credit.features import MISSING, Applications, TextArray, from_frame, number_features
from credit.labels import BadArray, label
from credit.partition import IndexArray
from credit.profiles import CategoryProfile, ColumnProfile, NumberProfile
from credit.reasoning import build_reason_model
from credit.reasons import ReasonModel
from credit.sampling import evenly_spaced
from credit.spec import Schema
from credit.splits import in_fixed_order, split
from credit.training import Development, TrainedFamily, prepare
from credit.validation import validate
from tasks.sources import read_rows

LENDINGCLUB = "lendingclub-2007-2011"
FAMILY = "xgboost"
APPROVED_SHARE = 0.8
EXPLAINED_ROWS = 1000
LEADING = 3
STRONGEST = 60.0

Values = FloatArray | TextArray
Columns = Mapping[str, Values]


@dataclass(frozen=True)
class Source:
    """Where a pool comes from: a data set, or a stretch of its time."""

    dataset: str
    title: str
    since: str = ""
    before: str = ""


SOURCES = {
    "taiwan": Source("taiwan-default", "Taiwan"),
    "german": Source("german-credit", "German"),
    "lendingclub": Source(LENDINGCLUB, "LendingClub 2011 Q4", "2011-10-01", "2012-01-01"),
}


@dataclass(frozen=True)
class Pool:
    """Applications as their champion reads them.

    columns: name -> values [rows], numbers as they are and categories as text.
    codes: name -> special codes of a number. importance: name -> share of the contributions.
    """

    columns: Columns
    codes: Mapping[str, tuple[float, ...]]
    importance: Mapping[str, float]
    bad: BadArray

    def __len__(self) -> int:
        return len(self.bad)

    def rows(self, index: NDArray[np.generic]) -> Columns:
        """Those rows of every column."""
        return {name: values[index] for name, values in self.columns.items()}

    def profile(self, name: str, values: Values) -> ColumnProfile:
        """The profile of a reference's column [rows]."""
        return profile_of(values, self.codes.get(name, ()))

    @property
    def leading(self) -> list[str]:
        """The columns that matter most to the champion."""
        return sorted(self.columns, key=lambda name: -self.importance[name])[:LEADING]

    @property
    def leading_category(self) -> str:
        """The category that matters most to it."""
        categories = [name for name, values in self.columns.items() if is_text(values)]
        return max(categories, key=lambda name: self.importance[name])


def is_text(values: Values) -> bool:
    """Whether a column is a category."""
    return values.dtype == object


def profile_of(values: Values, codes: tuple[float, ...]) -> ColumnProfile:
    """The profile of a reference's column [rows]."""
    return CategoryProfile.fit(values) if is_text(values) else NumberProfile.fit(values, codes)


def checked_rows(dataset: str) -> tuple[Schema, pd.DataFrame]:
    """Spec and validated rows in their fixed order."""
    spec = load_spec(dataset)
    rows = validate(read_rows(resolve_source(spec), spec), spec).rows
    return spec, in_fixed_order(rows, spec)


def columns_of(schema: Schema, applications: Applications) -> Columns:
    """What a champion reads of applications."""
    numbers = number_features(schema, applications.numbers)
    return {
        **dict(zip(schema.number_features, numbers.T.copy(), strict=True)),
        **dict(zip(schema.category_features, applications.categories.T.copy(), strict=True)),
    }


def codes_of(schema: Schema) -> dict[str, tuple[float, ...]]:
    """Special codes of the numbers."""
    return {name: schema.special_codes(name) for name in schema.number_features}


def load_pool(source: Source) -> Pool:
    """The rows of a source; importance is that of a champion of the whole data set."""
    plan = load_settings().training
    spec, rows = checked_rows(source.dataset)
    labels = label(rows, spec)
    part = split(rows, labels, spec, plan.splits).part
    development = prepare(rows, labels.bad, part, spec, plan)
    chosen = np.ones(len(rows), dtype=bool)
    if source.since:
        times = rows[spec.time]
        chosen = ((times >= source.since) & (times < source.before)).to_numpy()
    return Pool(
        columns_of(spec, from_frame(rows, spec)[chosen]),
        codes_of(spec),
        importance(train(FAMILY, "quick", development), development),
        labels.bad[chosen],
    )


def importance(trained: TrainedFamily, development: Development) -> dict[str, float]:
    """Share of a champion's mean absolute contributions that each feature has."""
    features = development.train.features
    order = np.argsort(trained.model.margin(features), kind="stable")
    content = build_reason_model(
        trained.model,
        development.feature_map,
        features[order[: int(APPROVED_SHARE * len(order))]],
        development.train.applications,
    )
    reasons = ReasonModel.from_bytes(content, development.feature_map.schema)
    test = development.test.features
    found = reasons.contributions(test[evenly_spaced(len(test), EXPLAINED_ROWS)])
    mean = np.abs(found).mean(axis=0)
    return dict(zip(reasons.names, (mean / mean.sum()).tolist(), strict=True))


def draw_sides(
    pool: Pool, rows: int, generator: np.random.Generator
) -> tuple[IndexArray, IndexArray]:
    """Rows of a reference, half of the pool, and of a window.

    The window comes from the other half; where that has too few rows, both are drawn from the
    whole pool with replacement.
    """
    half = len(pool) // 2
    if rows > len(pool) - half:
        return generator.integers(0, len(pool), half), generator.integers(0, len(pool), rows)
    order = generator.permutation(len(pool))
    return order[:half], order[half : half + rows]


def shifted_chances(bins: IndexArray, psi: float, upwards: bool) -> FloatArray:
    """How likely each row is to be drawn [rows], so that its bins [rows] move by a PSI.

    The share of a bin is multiplied by e to its rank times a strength: risk moves up or down.

    >>> chances = shifted_chances(np.array([0, 0, 1, 1]), 0.25, upwards=True)
    >>> now = np.array([chances[:2].sum(), chances[2:].sum()])
    >>> round(float(((now - 0.5) * np.log(now / 0.5)).sum()), 6)
    0.25
    """
    _, dense = np.unique(bins, return_inverse=True)
    shares = np.bincount(dense) / len(dense)
    rank = np.linspace(-1, 1, len(shares)) * (1 if upwards else -1)

    def moved(strength: float) -> FloatArray:
        tilted = shares * np.exp(strength * rank)
        return np.asarray(tilted / tilted.sum())

    def missed(strength: float) -> float:
        now = moved(strength)
        return float(((now - shares) * np.log(now / shares)).sum()) - psi

    now = moved(brentq(missed, 0.0, STRONGEST))
    return np.asarray((now / shares)[dense] / len(dense))


def psi_bins(profile: ColumnProfile, values: Values) -> IndexArray:
    """The bin of PSI that each value falls into [rows]."""
    if isinstance(profile, NumberProfile):
        return profile.grid.groups[profile.grid.partition.index(values)]
    position = {MISSING: 1, **{level: place for place, level in enumerate(profile.levels, 2)}}
    return np.array([position.get(text, 0) for text in values.tolist()])


def without_level(values: TextArray) -> FloatArray:
    """How likely each row is to be drawn [rows] when the second most frequent level vanishes."""
    levels, counts = np.unique(values.astype(str), return_counts=True)
    gone = levels[np.argsort(counts)[-2]]
    kept = (values != gone).astype(np.float64)
    return np.asarray(kept / kept.sum())


def with_bad_rate(bad: BadArray, times: float) -> FloatArray:
    """How likely each row is to be drawn [rows] when the bad rate changes by a factor."""
    rate = bad.mean()
    return np.where(bad == 1, times, (1 - times * rate) / (1 - rate)) / len(bad)
