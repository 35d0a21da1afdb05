"""How far two samples lie apart: statistics and their chance under no difference.

Each comes for raw values and for counts over shared bins. From counts Kolmogorov-Smirnov misses at
most what the fullest bin holds, and Wasserstein at most what moving within bins can add.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, kstwo

from credit.binning import HALF
from credit.expressions import FloatArray

NO_EVIDENCE = 1.0


@dataclass(frozen=True)
class Tested:
    """A statistic and its p-value: how often chance alone would give one as large."""

    statistic: float
    p_value: float


def psi(reference: FloatArray, window: FloatArray) -> float:
    """Population stability index of counts [bins], half a count added to each.

    The sum over bins of (window share - reference share) x ln(window share / reference share).

    >>> round(psi(np.array([49.5, 49.5]), np.array([79.5, 19.5])), 4)
    0.4159
    """
    expected, found = _smoothed(reference), _smoothed(window)
    return float(((found - expected) * np.log(found / expected)).sum())


def expected_psi(bins: int, reference_rows: int, window_rows: int) -> float:
    """The mean of PSI over samples that have not moved; 0 where a side has no rows."""
    if not reference_rows or not window_rows:
        return 0.0
    return (bins - 1) * (1 / reference_rows + 1 / window_rows)


def excess_psi(reference: FloatArray, window: FloatArray) -> float:
    """PSI of counts [bins] less its expectation under no drift, not below 0.

    Bins that are empty on both sides do not count; without rows on either side it is 0.
    """
    filled = reference + window > 0
    before, now = reference[filled], window[filled]
    if not before.sum() or not now.sum():
        return 0.0
    luck = expected_psi(len(before), int(before.sum()), int(now.sum()))
    return max(psi(before, now) - luck, 0.0)


def kolmogorov_smirnov(reference: FloatArray, window: FloatArray) -> Tested:
    """The largest distance between the distributions of two ascending samples.

    The p-value is the asymptotic two-sided one (scipy.stats.ks_2samp, method "asymp"). A side
    with fewer than two values is no evidence.

    >>> kolmogorov_smirnov(np.array([1.0, 2.0]), np.array([1.0, 3.0])).statistic
    0.5
    """
    if not len(reference) or not len(window):
        return Tested(0.0, NO_EVIDENCE)
    values = np.concatenate([reference, window])
    before = np.searchsorted(reference, values, side="right") / len(reference)
    now = np.searchsorted(window, values, side="right") / len(window)
    return _smirnov(float(np.abs(before - now).max()), len(reference), len(window))


def kolmogorov_smirnov_of_counts(reference: FloatArray, window: FloatArray) -> Tested:
    """The same from counts over shared ascending bins [bins]; never more than from the values."""
    rows, other = reference.sum(), window.sum()
    if not rows or not other:
        return Tested(0.0, NO_EVIDENCE)
    distance = np.abs(np.cumsum(reference) / rows - np.cumsum(window) / other).max()
    return _smirnov(float(distance), int(rows), int(other))


def _smirnov(distance: float, rows: int, other: int) -> Tested:
    if min(rows, other) < 2:  # the formula would find a single row significant
        return Tested(distance, NO_EVIDENCE)
    return Tested(distance, float(kstwo.sf(distance, np.round(rows * other / (rows + other)))))


def chi_square(reference: FloatArray, window: FloatArray) -> Tested:
    """Pearson's test that counts [bins] come from one distribution, without correction.

    Bins that are empty on both sides do not count. One bin, or a side without rows, is no evidence.

    >>> round(chi_square(np.array([10.0, 10.0]), np.array([5.0, 15.0])).statistic, 4)
    2.6667
    """
    filled = reference + window > 0
    observed = np.stack([reference[filled], window[filled]])
    rows = observed.sum(axis=1, keepdims=True)
    if observed.shape[1] < 2 or not rows.all():
        return Tested(0.0, NO_EVIDENCE)
    expected = rows * observed.sum(axis=0) / rows.sum()
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return Tested(statistic, float(chi2.sf(statistic, observed.shape[1] - 1)))


def wasserstein(reference: FloatArray, window: FloatArray) -> float:
    """The mean way that values of one ascending sample must go to become the other.

    In the values' own unit; not a number where a side has no values.

    >>> wasserstein(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    1.0
    """
    if not len(reference) or not len(window):
        return np.nan
    values = np.sort(np.concatenate([reference, window]), kind="stable")
    before = np.searchsorted(reference, values[:-1], side="right") / len(reference)
    now = np.searchsorted(window, values[:-1], side="right") / len(window)
    return float((np.abs(before - now) * np.diff(values)).sum())


def wasserstein_of_counts(reference: FloatArray, window: FloatArray, position: FloatArray) -> float:
    """The same from counts over shared ascending bins [bins], each at one position [bins].

    Where `position` lies within its bin, this is off by at most the width of the bins, on average
    over the rows of each side.
    """
    filled = reference + window > 0
    before, now = reference[filled], window[filled]
    if not before.sum() or not now.sum():
        return np.nan
    apart = np.cumsum(before) / before.sum() - np.cumsum(now) / now.sum()
    return float((np.abs(apart[:-1]) * np.diff(position[filled])).sum())


def jensen_shannon(reference: FloatArray, window: FloatArray) -> float:
    """Jensen-Shannon distance of counts [bins], from 0 (equal) to 1 (nothing in common).

    The root of the divergence in bits (scipy.spatial.distance.jensenshannon, base 2). Not a number
    where a side has no rows.

    >>> jensen_shannon(np.array([3.0, 0.0]), np.array([0.0, 5.0]))
    1.0
    """
    if not reference.sum() or not window.sum():
        return np.nan
    shares = np.stack([reference / reference.sum(), window / window.sum()])
    middle = shares.mean(axis=0)
    ratio = np.divide(shares, middle, out=np.ones_like(shares), where=shares > 0)
    divergence = float((shares * np.log2(ratio)).sum()) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _smoothed(counts: FloatArray) -> FloatArray:
    return np.asarray((counts + HALF) / (counts + HALF).sum())
