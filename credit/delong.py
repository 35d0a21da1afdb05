"""DeLong's variance of an AUC and of the difference of two AUCs on the same rows.

DeLong, DeLong and Clarke-Pearson (Biometrics, 1988), by the midranks of Sun and Xu (IEEE Signal
Processing Letters, 2014), which take time n log n instead of bads times goods.
"""

from dataclasses import dataclass

from credit.expressions import FloatArray
from credit.labels import BadArray
from credit.metrics import Interval

FEWEST_OF_A_CLASS = 2


@dataclass(frozen=True)
class AucEstimates:
    """AUCs of several scores on the same rows [scores], and their covariance [scores, scores]."""

    auc: FloatArray
    covariance: FloatArray


def estimate(bad: BadArray, scores: FloatArray) -> AucEstimates:
    """AUCs and covariance of scores [scores, rows] against labels [rows].

    Raises:
        ValueError: fewer than two good or two bad rows, so that nothing varies.
    """
    raise NotImplementedError


def auc_interval(bad: BadArray, score: FloatArray) -> Interval:
    """AUC of one score [rows] with DeLong's 95% interval, cut to 0 and 1."""
    raise NotImplementedError


@dataclass(frozen=True)
class AucDifference:
    """AUC of `challenger` less that of `champion`, with a 95% interval and two-sided p value."""

    champion: float
    challenger: float
    difference: Interval
    p: float


def auc_difference(bad: BadArray, champion: FloatArray, challenger: FloatArray) -> AucDifference:
    """Compare two scores [rows] of the same rows."""
    raise NotImplementedError
