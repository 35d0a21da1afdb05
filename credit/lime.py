"""LIME for tables: how a model behaves around one application, told by a small linear model.

Ribeiro, Singh and Guestrin, "Why should I trust you?", KDD 2016. The original package has had no
release since 2020, and it knows neither missing values nor special codes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from credit.expressions import FloatArray
from credit.features import FeatureMap, Features
from credit.values import level_name, number_text, special_name

KERNEL_WIDTH = 0.75
RIDGE = 1.0
QUARTILES = (0.25, 0.5, 0.75)

BinArray = NDArray[np.int64]


@dataclass(frozen=True)
class Surrogate:
    """The linear model around one application.

    Attributes:
        weights: what meeting each condition adds to the margin, [features].
        effects: the same against the average drawn application: weight x (1 - share of the
            training rows that meet the condition), [features]. This is what compares with a
            contribution, which is measured against an average as well.
        conditions: what the application meets, in words, one for each feature.
        fidelity: weighted R² of the linear model on the drawn applications; 1 is perfect.
    """

    weights: FloatArray
    effects: FloatArray
    conditions: tuple[str, ...]
    intercept: float
    fidelity: float


@dataclass(frozen=True)
class Lime:
    """Training rows cut into bins: quartiles, and one for each level, special code and missing.

    Features are drawn one by one from the training rows, so bins come with their training
    frequencies and values are real ones (the original draws them from a normal distribution within
    the bin). Like the original, this ignores how features move together; derived ones too.
    """

    feature_map: FeatureMap
    training: Features
    edges: tuple[FloatArray, ...]
    bins: BinArray

    @classmethod
    def of(cls, feature_map: FeatureMap, training: Features) -> "Lime":
        """Cut training rows at the quartiles of their ordinary values."""
        edges = tuple(
            _quartiles(column, number.special_codes)
            for number, column in zip(feature_map.layout.numbers, training.numbers.T, strict=True)
        )
        return cls(feature_map, training, edges, _bins(feature_map, edges, training))

    def explain(
        self, margin: Callable[[Features], FloatArray], case: Features, samples: int, seed: int
    ) -> Surrogate:
        """Fit the linear model to `samples` applications drawn around the one row of `case`.

        A drawn application has as many ones as it shares conditions with the case; it weighs
        exp(-distance² / width²)^½ with the distance to the case in that space of ones and zeros and
        a width of 0.75 √features, as in the original. The same seed gives the same answer.
        """
        drawn = self._draw(case, samples, seed)
        own = _bins(self.feature_map, self.edges, case)
        shares = (_bins(self.feature_map, self.edges, drawn) == own).astype(np.float64)
        width = KERNEL_WIDTH * np.sqrt(shares.shape[1])
        weight = np.sqrt(np.exp(-(shares.shape[1] - shares.sum(axis=1)) / width**2))
        wanted = margin(drawn)
        ridge = Ridge(alpha=RIDGE).fit(shares, wanted, sample_weight=weight)
        return Surrogate(
            weights=ridge.coef_,
            effects=ridge.coef_ * (1 - (self.bins == own).mean(axis=0)),
            conditions=self._conditions(case, own[0]),
            intercept=float(ridge.intercept_),
            fidelity=float(ridge.score(shares, wanted, sample_weight=weight)),
        )

    def _draw(self, case: Features, samples: int, seed: int) -> Features:
        """The case itself, then rows whose every feature is that of some training row."""
        width = self.bins.shape[1]
        rows = np.random.default_rng(seed).integers(0, len(self.training), (samples - 1, width))
        split = self.training.numbers.shape[1]
        numbers = np.take_along_axis(self.training.numbers, rows[:, :split], axis=0)
        codes = np.take_along_axis(self.training.codes, rows[:, split:], axis=0)
        return Features(np.vstack([case.numbers, numbers]), np.vstack([case.codes, codes]))

    def _conditions(self, case: Features, own: BinArray) -> tuple[str, ...]:
        schema = self.feature_map.schema
        numbers = (
            self._number_condition(position, name, float(value), int(own[position]))
            for position, (name, value) in enumerate(
                zip(schema.number_features, case.numbers[0], strict=True)
            )
        )
        categories = (
            f"{name}: {level_name(self.feature_map, position, int(code))}"
            for position, (name, code) in enumerate(
                zip(schema.category_features, case.codes[0], strict=True)
            )
        )
        return (*numbers, *categories)

    def _number_condition(self, position: int, name: str, value: float, own: int) -> str:
        meaning = special_name(self.feature_map, name, value)
        if meaning is not None:
            return f"{name}: {meaning}"
        edges = self.edges[position]
        above = own - 1 - len(self.feature_map.layout.numbers[position].special_codes)
        low = f"{number_text(edges[above - 1])} < " if above > 0 else ""
        high = f" ≤ {number_text(edges[above])}" if above < len(edges) else ""
        return f"{name} > {number_text(edges[-1])}" if low and not high else f"{low}{name}{high}"


def _quartiles(column: FloatArray, special_codes: tuple[float, ...]) -> FloatArray:
    ordinary = column[~np.isnan(column) & ~np.isin(column, special_codes)]
    if len(ordinary) == 0:
        return np.empty(0)
    return np.unique(np.quantile(ordinary, QUARTILES, method="inverted_cdf"))


def _bins(feature_map: FeatureMap, edges: tuple[FloatArray, ...], features: Features) -> BinArray:
    """Bins [rows, features]: 0 missing, then special codes, then ranges; codes as they are."""
    columns = [
        _number_bins(column, number.special_codes, cuts)
        for number, cuts, column in zip(
            feature_map.layout.numbers, edges, features.numbers.T, strict=True
        )
    ]
    return np.column_stack([*columns, features.codes]).astype(np.int64)


def _number_bins(
    column: FloatArray, special_codes: tuple[float, ...], edges: FloatArray
) -> BinArray:
    bins = 1 + len(special_codes) + np.searchsorted(edges, column, side="left")
    for position, code in enumerate(special_codes, 1):
        bins[column == code] = position
    bins[np.isnan(column)] = 0
    return bins
