"""Profiles: what a sample of applications looks like, as counts in bins that the reference fixed.

Profiles of parts add up to that of the whole, so a window is judged without its rows, and the
reference needs no training data. Numbers have 200 bins of equally many reference rows, for
Kolmogorov-Smirnov and Wasserstein; each tenth of them is one bin of PSI, as are missing and each
special code. Categories have a bin for each level; those that the reference has rarely or never
seen share one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from credit.binning import quantile_edges
from credit.expressions import FloatArray
from credit.features import MISSING, TextArray
from credit.partition import IndexArray, NumberPartition, tally
from credit.stored import StoredArray, StoredNumber, StoredTexts

FINE_BINS, PSI_BINS = 200, 10
# A level with a smaller share of the reference is pooled with the unseen.
RAREST_SHARE = 0.005
ABSENT = 1
# Larger values count as this much in sums, so that their squares stay finite.
LARGEST = 1e150


@dataclass(frozen=True)
class _Sorted:
    """The values of a sample: how many are missing or each special code, the others ascending.

    Sorting once is faster than finding the bin of each value, and sums of ascending values do not
    depend on the order of rows.
    """

    aside: FloatArray
    usual: FloatArray

    @classmethod
    def of(cls, values: FloatArray, codes: Sequence[float]) -> "_Sorted":
        ascending = np.sort(values)  # NaN comes last
        present = ascending[: np.searchsorted(ascending, np.nan)]
        aside = [len(ascending) - len(present)]
        for code in codes:
            start, stop = (int(np.searchsorted(present, code, side)) for side in ("left", "right"))
            present = np.delete(present, slice(start, stop))
            aside.append(stop - start)
        return cls(np.array(aside, dtype=np.float64), present)


@dataclass(frozen=True)
class NumberGrid:
    """The bins of one number: missing, each special code, then fine bins in ascending order.

    fine: edges, the first at the lowest reference value and the last just above the highest.
    psi: those of them that are edges of PSI's bins.
    """

    fine: StoredArray
    psi: StoredArray
    codes: tuple[float, ...]

    @classmethod
    def fit(cls, usual: FloatArray, codes: tuple[float, ...]) -> "NumberGrid":
        """Bins that hold equally many of the reference's ordinary values [rows], ascending."""
        if not len(usual):
            return cls(np.empty(0), np.empty(0), codes)
        ends = np.array([usual[0], np.nextafter(usual[-1], np.inf)])
        psi = np.union1d(ends, quantile_edges(usual, PSI_BINS))
        return cls(np.union1d(psi, quantile_edges(usual, FINE_BINS)), psi, codes)

    @cached_property
    def partition(self) -> NumberPartition:
        """The bins as a partition."""
        return NumberPartition(self.fine, dict.fromkeys(self.codes, ""))

    @property
    def first(self) -> int:
        """The position of the first fine bin."""
        return 1 + len(self.codes)

    @cached_property
    def groups(self) -> IndexArray:
        """The bin of PSI that each bin belongs to [bins]."""
        apart = np.arange(self.first)
        below = np.searchsorted(self.psi, self.fine, side="right")
        return np.concatenate([apart, [self.first], self.first + below]).astype(np.int64)


@dataclass(frozen=True)
class NumberProfile:
    """One number of a sample.

    counts: rows in each bin of the grid. sums: their values added up [bins], 0 for missing.
    squares: sum of the squares of the ordinary values' distances from `origin`.
    lowest, highest: of the ordinary values, infinite the wrong way round where there are none.
    """

    grid: NumberGrid
    origin: float
    counts: StoredArray
    sums: StoredArray
    squares: float
    lowest: StoredNumber
    highest: StoredNumber

    @classmethod
    def fit(cls, values: FloatArray, codes: Sequence[float] = ()) -> "NumberProfile":
        """The profile of a reference [rows], which fixes the bins."""
        ordered = tuple(sorted(codes))
        sample = _Sorted.of(values, ordered)
        origin = float(_bounded(sample.usual).mean()) if len(sample.usual) else 0.0
        return _profile(NumberGrid.fit(sample.usual, ordered), origin, sample)

    def of(self, values: FloatArray) -> "NumberProfile":
        """The profile of another sample [rows] in the same bins."""
        return _profile(self.grid, self.origin, _Sorted.of(values, self.grid.codes))

    def __add__(self, other: "NumberProfile") -> "NumberProfile":
        return replace(
            self,
            counts=self.counts + other.counts,
            sums=self.sums + other.sums,
            squares=self.squares + other.squares,
            lowest=min(self.lowest, other.lowest),
            highest=max(self.highest, other.highest),
        )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.counts.sum())

    @property
    def missing(self) -> int:
        """How many of them have no value."""
        return int(self.counts[0])

    @property
    def ordinary(self) -> FloatArray:
        """Rows in each fine bin."""
        return self.counts[self.grid.first :]

    @property
    def kinds(self) -> FloatArray:
        """Rows that are missing, that have each special code, and that have any other value."""
        return np.append(self.counts[: self.grid.first], self.ordinary.sum())

    @property
    def psi_counts(self) -> FloatArray:
        """Rows in each bin of PSI."""
        return tally(self.grid.groups, int(self.grid.groups[-1]) + 1, self.counts)

    @property
    def mean(self) -> float:
        """Of the ordinary values; not a number where there are none."""
        rows = self.ordinary.sum()
        return float(self.sums[self.grid.first :].sum() / rows) if rows else np.nan

    @property
    def deviation(self) -> float:
        """Standard deviation of the ordinary values; not a number where there are fewer than 2."""
        rows = self.ordinary.sum()
        if rows < 2:
            return np.nan
        about_mean = self.squares - rows * (self.mean - self.origin) ** 2
        return float(np.sqrt(max(about_mean, 0.0) / (rows - 1)))


def _profile(grid: NumberGrid, origin: float, sample: _Sorted) -> NumberProfile:
    usual = _bounded(sample.usual)
    starts = np.concatenate([[0], np.searchsorted(sample.usual, grid.fine)])
    rows = np.diff(starts, append=len(usual))
    # `reduceat` wants every start below the length, and gives an empty stretch its first value.
    sums = np.where(rows > 0, np.add.reduceat(np.append(usual, 0.0), starts), 0.0)
    codes = _bounded(np.array([0.0, *grid.codes]))
    return NumberProfile(
        grid,
        origin,
        counts=np.concatenate([sample.aside, rows]),
        sums=np.concatenate([sample.aside * codes, sums]),
        squares=float(((usual - origin) ** 2).sum()),
        lowest=float(usual.min(initial=np.inf)),
        highest=float(usual.max(initial=-np.inf)),
    )


def _bounded(values: FloatArray) -> FloatArray:
    return np.clip(values, -LARGEST, LARGEST)


@dataclass(frozen=True)
class CategoryProfile:
    """One category of a sample.

    levels: those that the reference has often enough to stand alone.
    counts: rows whose level is rare or was never seen, rows without one, then of each level.
    new: rows whose level the reference never saw; known: all that it saw.
    """

    levels: tuple[str, ...]
    known: StoredTexts
    counts: StoredArray
    new: int = 0

    @classmethod
    def fit(cls, texts: TextArray) -> "CategoryProfile":
        """The profile of a reference [rows], which fixes the levels."""
        return cls.fit_counts(Counter(texts.tolist()))

    @classmethod
    def fit_counts(cls, counted: Mapping[str, int]) -> "CategoryProfile":
        """The same from how many rows each text has; the empty text is missing."""
        known = frozenset(counted) - {MISSING}
        fewest = RAREST_SHARE * sum(counted.values())
        levels = tuple(sorted(level for level in known if counted[level] >= fewest))
        return cls(levels, known, np.zeros(2 + len(levels))).of_counts(counted)

    def of(self, texts: TextArray) -> "CategoryProfile":
        """The profile of another sample [rows] over the same levels."""
        return self.of_counts(Counter(texts.tolist()))

    def of_counts(self, counted: Mapping[str, int]) -> "CategoryProfile":
        """The same from how many rows each text has; the empty text is missing."""
        rest = dict(counted)
        absent = rest.pop(MISSING, 0)
        alone = [rest.pop(level, 0) for level in self.levels]
        new = sum(rows for level, rows in rest.items() if level not in self.known)
        counts = np.array([sum(rest.values()), absent, *alone], dtype=np.float64)
        return replace(self, counts=counts, new=new)

    def __add__(self, other: "CategoryProfile") -> "CategoryProfile":
        return replace(self, counts=self.counts + other.counts, new=self.new + other.new)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.counts.sum())

    @property
    def missing(self) -> int:
        """How many of them have no level."""
        return int(self.counts[ABSENT])

    @property
    def psi_counts(self) -> FloatArray:
        """Rows in each bin of PSI."""
        return self.counts


ColumnProfile = NumberProfile | CategoryProfile
