"""Deterministic weight-of-evidence binning (Siddiqi, Credit Risk Scorecards, 2006).

Bins start as quantiles and are merged until each holds enough rows and no two neighbours could be
told apart, and, where a direction is declared, until bad rates follow it. The weight of evidence
of a bin is ln(share of bads / share of goods), half a count added to each, so it rises with risk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.spec import Direction

HALF = 0.5
MERGE_BELOW_Z = 1.0
HALF_CREDIBLE_ROWS = 20.0


@dataclass(frozen=True)
class NumberBins:
    """Bins of one number.

    edges: inner edges in ascending order; bin k holds edges[k-1] <= x < edges[k].
    special: codes with a bin of their own.
    evidence: weight of evidence of the missing bin, each special code, then each bin.
    """

    edges: FloatArray
    special: FloatArray
    evidence: FloatArray

    def transform(self, values: FloatArray) -> FloatArray:
        """Weight of evidence of each value."""
        first_bin = 1 + len(self.special)
        index = first_bin + np.searchsorted(self.edges, values, side="right")
        for position, code in enumerate(self.special, 1):
            index = np.where(values == code, position, index)
        return self.evidence[np.where(np.isnan(values), 0, index)]


def weight_of_evidence(bads: FloatArray, goods: FloatArray) -> FloatArray:
    """The logarithm of (share of all bads) / (share of all goods), half a count added to each.

    >>> weight_of_evidence(np.array([30.0, 10.0]), np.array([30.0, 90.0])).round(3)
    array([ 1.082, -1.072])
    """
    bad_share = (bads + HALF) / (bads + HALF).sum()
    good_share = (goods + HALF) / (goods + HALF).sum()
    return np.asarray(np.log(bad_share / good_share))


def bin_number(
    values: FloatArray,
    bad: NDArray[np.int8],
    special: Sequence[float],
    direction: Direction | None,
    most_bins: int = 12,
    smallest_share: float = 0.02,
) -> NumberBins:
    """Bin one number; missing values and special codes get bins of their own."""
    codes = np.array(special, dtype=np.float64)
    ordinary = ~np.isnan(values) & ~np.isin(values, codes)
    edges = quantile_edges(values[ordinary], most_bins * 3)
    bads, goods = _counts(values[ordinary], bad[ordinary], edges)
    edges, bads, goods = _merge(
        edges, bads, goods, direction, most_bins, smallest_share * len(values)
    )
    aside = [np.isnan(values), *(values == code for code in codes)]
    aside_bads = np.array([float(bad[rows].sum()) for rows in aside])
    aside_goods = np.array([float((1 - bad[rows]).sum()) for rows in aside])
    evidence = weight_of_evidence(np.append(aside_bads, bads), np.append(aside_goods, goods))
    evidence[: len(aside)] *= _credibility(aside_bads + aside_goods)
    return NumberBins(edges, codes, evidence)


def bin_codes(codes: NDArray[np.int64], bad: NDArray[np.int8], width: int) -> FloatArray:
    """Weight of evidence of each code of a category; codes that never occur get none."""
    bads, goods = _tally(codes, bad, width)
    return weight_of_evidence(bads, goods) * _credibility(bads + goods)


def _credibility(rows: FloatArray) -> FloatArray:
    """Shrinks the evidence of bins with few rows towards none (Bühlmann's n / (n + k))."""
    return rows / (rows + HALF_CREDIBLE_ROWS)


def quantile_edges(values: FloatArray, bins: int) -> FloatArray:
    """Inner edges, all of them values, of at most `bins` bins with about equally many values."""
    if len(values) == 0:
        return np.empty(0)
    quantiles = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="higher")
    return np.unique(quantiles[quantiles > values.min()])


def _counts(
    values: FloatArray, bad: NDArray[np.int8], edges: FloatArray
) -> tuple[FloatArray, FloatArray]:
    return _tally(np.searchsorted(edges, values, side="right"), bad, len(edges) + 1)


def _tally(
    index: NDArray[np.int64], bad: NDArray[np.int8], width: int
) -> tuple[FloatArray, FloatArray]:
    """(bads, goods) at each index."""
    bads = np.bincount(index, weights=bad, minlength=width).astype(np.float64)
    goods = np.bincount(index, weights=1 - bad, minlength=width).astype(np.float64)
    return bads, goods


def _merge(
    edges: FloatArray,
    bads: FloatArray,
    goods: FloatArray,
    direction: Direction | None,
    most_bins: int,
    fewest_rows: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Merge the worst pair of neighbours until nothing speaks against the bins."""
    while len(edges):
        faults = _faults(bads, goods, direction, len(edges) + 1 > most_bins, fewest_rows)
        worst = int(np.argmax(faults))
        if faults[worst] <= 0:
            break
        edges = np.delete(edges, worst)
        bads = _merged(bads, worst)
        goods = _merged(goods, worst)
    return edges, bads, goods


def _merged(counts: FloatArray, position: int) -> FloatArray:
    merged = np.delete(counts, position + 1)
    merged[position] += counts[position + 1]
    return merged


def _faults(
    bads: FloatArray,
    goods: FloatArray,
    direction: Direction | None,
    too_many: bool,
    fewest_rows: float,
) -> FloatArray:
    """How much speaks for merging each pair of neighbours; 0 where nothing does."""
    rows = bads + goods
    rates = (bads + HALF) / (rows + 2 * HALF)
    steps = np.diff(rates)
    pooled = (bads[1:] + bads[:-1] + HALF) / (rows[1:] + rows[:-1] + 2 * HALF)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / (rows[1:] + HALF) + 1 / (rows[:-1] + HALF)))
    z = np.abs(steps) / spread
    alike = np.clip(MERGE_BELOW_Z - z, 0, None)
    small = np.where(np.minimum(rows[1:], rows[:-1]) < fewest_rows, 100.0 - z, 0.0)
    wrong = np.zeros_like(z)
    if direction:
        against = steps < 0 if direction == "increasing" else steps > 0
        wrong = np.where(against, 10.0 + z, 0.0)
    faults = np.maximum.reduce([alike, small, wrong])
    return np.maximum(faults, 1.0 / (1.0 + z)) if too_many else faults
