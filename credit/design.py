"""The matrices that models read, for fitting, scoring and reasons alike."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import CodeArray, Features, Layout

# Trees take single precision, in which a larger number would be infinite.
LARGEST = float(np.finfo(np.float32).max)
# Categories of many levels make wide matrices: intermediate ones are held for so many rows.
ROWS_AT_ONCE = 4096


def _by_rows(matrix: Callable[[Features], FloatArray], features: Features) -> FloatArray:
    """What `matrix` makes of every row, without holding its intermediate steps for all of them."""
    if len(features) <= ROWS_AT_ONCE:
        return matrix(features)
    first = matrix(features[:ROWS_AT_ONCE])
    whole = np.empty((len(features), first.shape[1]))
    whole[:ROWS_AT_ONCE] = first
    for start in range(ROWS_AT_ONCE, len(features), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        whole[rows] = matrix(features[rows])
    return whole


@dataclass(frozen=True)
class SpecialCodes:
    """Numbers without their special codes, and an indicator for each code."""

    positions: tuple[int, ...]
    values: tuple[float, ...]
    width: int

    @classmethod
    def of(cls, layout: Layout) -> "SpecialCodes":
        pairs = [
            (position, code)
            for position, number in enumerate(layout.numbers)
            for code in number.special_codes
        ]
        return cls(
            tuple(position for position, _ in pairs),
            tuple(code for _, code in pairs),
            len(layout.numbers),
        )

    def split(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(numbers with NaN for special codes, indicators [rows, codes])."""
        if not self.positions:
            return numbers, np.empty((len(numbers), 0))
        indicators = (numbers[:, self.positions] == np.array(self.values)).astype(np.float64)
        is_special = indicators @ self.owners > 0
        return np.where(is_special, np.nan, numbers), indicators

    @property
    def owners(self) -> FloatArray:
        """1 where a code (row) belongs to a number (column)."""
        owners = np.zeros((len(self.positions), self.width))
        owners[np.arange(len(self.positions)), self.positions] = 1.0
        return owners


@dataclass(frozen=True)
class OneHot:
    """An indicator for each code of each category."""

    positions: tuple[int, ...]
    values: tuple[int, ...]

    @classmethod
    def of(cls, layout: Layout) -> "OneHot":
        pairs = [
            (position, code)
            for position, category in enumerate(layout.categories)
            for code in range(category.codes)
        ]
        return cls(tuple(position for position, _ in pairs), tuple(code for _, code in pairs))

    def encode(self, codes: CodeArray) -> FloatArray:
        """Indicators [rows, codes of all categories]."""
        if not self.positions:
            return np.empty((len(codes), 0))
        is_code: NDArray[np.bool_] = codes[:, self.positions] == np.array(self.values)
        return is_code.astype(np.float64)


@dataclass(frozen=True)
class TreeDesign:
    """What trees split on: numbers with NaN where missing or special, then indicators."""

    special: SpecialCodes
    one_hot: OneHot

    @classmethod
    def of(cls, layout: Layout) -> "TreeDesign":
        return cls(SpecialCodes.of(layout), OneHot.of(layout))

    @property
    def features(self) -> tuple[int, ...]:
        """The feature that each column comes from, numbers before categories."""
        numbers = self.special.width
        categories = (numbers + position for position in self.one_hot.positions)
        return (*range(numbers), *self.special.positions, *categories)

    def matrix(self, features: Features) -> FloatArray:
        """[rows, columns], NaN missing."""
        return _by_rows(self._matrix, features)

    def _matrix(self, features: Features) -> FloatArray:
        numbers, indicators = self.special.split(features.numbers)
        numbers = np.clip(numbers, -LARGEST, LARGEST)
        return np.hstack([numbers, indicators, self.one_hot.encode(features.codes)])


@dataclass(frozen=True)
class ScaledDesign:
    """What distance and gradient need: no gaps, no outliers, unit variance.

    Numbers are cut at their 0.5% and 99.5% quantiles, filled with the median (an indicator says
    so), and every column is centred and scaled. Indicators are not cut: to a rare level or special
    code the cut would leave nothing.
    """

    tree: TreeDesign
    low: FloatArray
    high: FloatArray
    fill: FloatArray
    gaps: tuple[int, ...]
    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def fit(cls, layout: Layout, features: Features) -> "ScaledDesign":
        tree = TreeDesign.of(layout)
        matrix = tree.matrix(features)
        missing = np.isnan(matrix)
        low, fill, high = _quantiles(matrix)
        is_indicator = np.arange(matrix.shape[1]) >= len(layout.numbers)
        low, high = np.where(is_indicator, 0.0, low), np.where(is_indicator, 1.0, high)
        gaps = tuple(np.flatnonzero(missing.any(axis=0)).tolist())
        del matrix, missing
        unscaled = cls(tree, low, high, fill, gaps, np.zeros(1), np.ones(1))
        dense = unscaled.matrix(features)
        deviation = dense.std(axis=0)
        return cls(
            tree, low, high, fill, gaps, dense.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        )

    @property
    def features(self) -> tuple[int, ...]:
        """The feature that each column comes from, numbers before categories."""
        owners = self.tree.features
        return (*owners, *(owners[column] for column in self.gaps))

    def matrix(self, features: Features) -> FloatArray:
        """[rows, columns] without gaps."""
        return _by_rows(self._matrix, features)

    def _matrix(self, features: Features) -> FloatArray:
        matrix = self.tree.matrix(features)
        missing = np.isnan(matrix)
        filled = np.clip(np.where(missing, self.fill, matrix), self.low, self.high)
        dense = np.hstack([filled, missing[:, self.gaps].astype(np.float64)])
        return np.asarray((dense - self.mean) / self.deviation)


def _quantiles(matrix: FloatArray) -> FloatArray:
    """The 0.5%, 50% and 99.5% quantiles of each column [3, columns]; 0 where all is missing."""
    shares = [0.005, 0.5, 0.995]
    found = np.zeros((len(shares), matrix.shape[1]))
    for position, column in enumerate(matrix.T):
        if not np.isnan(column).all():
            found[:, position] = np.nanquantile(column, shares)
    return found
