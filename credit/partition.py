"""The values of a feature cut into bins that people can read: what stability and exploration show.

Missing values come first, then each special code, then the bins in ascending order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import FeatureMap
from credit.spec import Schema

IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class NumberPartition:
    """Bins of one number; bin k holds edges[k-1] <= x < edges[k].

    >>> delay = NumberPartition(np.array([1.0, 3.0]), {-9.0: "no record"})
    >>> delay.labels
    ('missing', 'no record (-9)', 'below 1', '1 to below 3', '3 or more')
    >>> delay.index(np.array([np.nan, -9.0, 0.0, 1.0, 7.0])).tolist()
    [0, 1, 2, 3, 4]
    """

    edges: FloatArray
    special: Mapping[float, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the bins are called."""
        codes = (f"{self.special[code]} ({code:g})" for code in sorted(self.special))
        return ("missing", *codes, *_intervals(self.edges))

    def index(self, values: FloatArray) -> IndexArray:
        """The bin of each value."""
        index = 1 + len(self.special) + np.searchsorted(self.edges, values, side="right")
        for position, code in enumerate(sorted(self.special), 1):
            index = np.where(values == code, position, index)
        return np.where(np.isnan(values), 0, index)

    def counts(self, values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """Rows, or the sum of their weights, in each bin."""
        return tally(self.index(values), len(self.labels), weights)


def ordinary(values: FloatArray, special: Mapping[float, str]) -> NDArray[np.bool_]:
    """Which values are neither missing nor special codes."""
    return ~np.isnan(values) & ~np.isin(values, list(special))


def tally(index: IndexArray, width: int, weights: FloatArray | None = None) -> FloatArray:
    """Rows, or the sum of their weights, at each index below `width`."""
    return np.bincount(index, weights=weights, minlength=width).astype(np.float64)


def special_meanings(schema: Schema, feature: str) -> Mapping[float, str]:
    """Special codes of a number feature with what they mean; none for a derived column."""
    column = schema.columns.get(feature)
    return column.special if column else {}


def code_labels(feature_map: FeatureMap, position: int) -> tuple[str, ...]:
    """What the codes of a category feature are called: the spec's words for its levels."""
    column = feature_map.schema.columns[feature_map.schema.category_features[position]]
    words = column.levels or {}
    levels = feature_map.vocabulary.levels[position]
    return ("missing", "any other level", *(words.get(level) or level for level in levels))


def number_text(value: float) -> str:
    """A number as a label shows it.

    >>> number_text(3.0), number_text(0.123456789), number_text(250000.0), number_text(-0.0)
    ('3', '0.123457', '250,000', '0')
    """
    if abs(value) >= 1e15:
        return f"{value:g}"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.6g}" if abs(value) >= 1e-4 else f"{value:g}"


def _intervals(edges: FloatArray) -> tuple[str, ...]:
    texts = [number_text(edge) for edge in edges]
    if not texts:
        return ("any value",)
    between = (f"{low} to below {high}" for low, high in pairwise(texts))
    return (f"below {texts[0]}", *between, f"{texts[-1]} or more")
