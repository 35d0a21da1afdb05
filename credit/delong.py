"""DeLong's variance of an AUC and of the difference of two AUCs on the same rows.

DeLong, DeLong and Clarke-Pearson (Biometrics, 1988), by the midranks of Sun and Xu (IEEE Signal
Processing Letters, 2014), which take time n log n instead of bads times goods.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from credit.expressions import FloatArray
from credit.intervals import NORMAL_95, Interval
from credit.labels import BadArray

FEWEST_OF_A_CLASS = 2
CONTRAST = np.array([-1.0, 1.0])
ROUNDING = 1e-9


@dataclass(frozen=True)
class AucEstimates:
    """AUCs of several scores on the same rows [scores], and their covariance [scores, scores]."""

    auc: FloatArray
    covariance: FloatArray


def estimate(bad: BadArray, scores: FloatArray) -> AucEstimates:
    """AUCs and covariance of scores [scores, rows] against labels [rows]; ties count half.

    Raises:
        ValueError: fewer than two good or two bad rows, which have no variance.
    """
    is_bad = bad == 1
    bads, goods = int(is_bad.sum()), int((~is_bad).sum())
    if min(bads, goods) < FEWEST_OF_A_CLASS:
        raise ValueError(
            f"DeLong's variance needs at least {FEWEST_OF_A_CLASS} good and "
            f"{FEWEST_OF_A_CLASS} bad rows, got {goods} good and {bads} bad"
        )
    among_all = rankdata(scores, axis=1)
    among_bads = rankdata(scores[:, is_bad], axis=1)
    among_goods = rankdata(scores[:, ~is_bad], axis=1)
    # Share of goods below each bad row, and of bads above each good one.
    below = (among_all[:, is_bad] - among_bads) / goods
    above = 1 - (among_all[:, ~is_bad] - among_goods) / bads
    covariance = np.atleast_2d(np.cov(below)) / bads + np.atleast_2d(np.cov(above)) / goods
    return AucEstimates(below.mean(axis=1), covariance)


def auc_interval(bad: BadArray, score: FloatArray) -> Interval:
    """AUC of one score [rows] with DeLong's 95% interval, cut to 0 and 1.

    >>> auc_interval(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    Interval(value=0.75, low=0.0570..., high=1.0)
    """
    found = estimate(bad, score[np.newaxis])
    value, half = float(found.auc[0]), NORMAL_95 * float(np.sqrt(found.covariance[0, 0]))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


@dataclass(frozen=True)
class AucDifference:
    """AUCs of two scores, challenger less champion with a 95% interval, and two-sided p value."""

    champion: float
    challenger: float
    difference: Interval
    p: float


def auc_difference(bad: BadArray, champion: FloatArray, challenger: FloatArray) -> AucDifference:
    """Compare two scores [rows] of the same rows.

    Where the difference has no variance (both rank alike, or both perfectly) p is 1 for no
    difference and 0 for one.

    Raises:
        ValueError: fewer than two good or two bad rows.
    """
    found = estimate(bad, np.stack([champion, challenger]))
    value = float(found.auc[1] - found.auc[0])
    variance = float(CONTRAST @ found.covariance @ CONTRAST)
    deviation = float(np.sqrt(max(variance, 0.0)))
    if deviation > ROUNDING:
        p = float(2 * norm.sf(abs(value) / deviation))
    else:
        deviation, p = 0.0, float(abs(value) <= ROUNDING)
    half = NORMAL_95 * deviation
    interval = Interval(value, max(-1.0, value - half), min(1.0, value + half))
    return AucDifference(float(found.auc[0]), float(found.auc[1]), interval, p)
