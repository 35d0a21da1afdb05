"""How well probabilities of default rank and how honest they are, with bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from credit.expressions import FloatArray
from credit.intervals import Interval
from credit.labels import BadArray

CLIP = float(np.finfo(np.float64).eps)
THRESHOLD = 0.5
CALIBRATION_BINS = 10
NEWTON_STEPS = 25
STEEPEST = 1000.0
ANY_NUMBER = (-np.inf, np.inf)
RANGES = {
    "auc": (0.0, 1.0),
    "gini": (-1.0, 1.0),
    "ks": (0.0, 1.0),
    "pr_auc": (0.0, 1.0),
    "brier": (0.0, 1.0),
    "rmse": (0.0, 1.0),
    "log_loss": (0.0, np.inf),
    "accuracy": (0.0, 1.0),
    "majority_accuracy": (0.5, 1.0),
    "f1": (0.0, 1.0),
    "calibration_error": (0.0, 1.0),
}


@dataclass(frozen=True)
class _Ranked:
    """Rows in ascending order of probability, with what does not depend on their weights.

    ties: where a new probability starts; cut: where the threshold is reached.
    """

    bad: FloatArray
    probability: FloatArray
    log_odds: FloatArray
    surprise: FloatArray
    error: FloatArray
    ties: np.ndarray
    cut: int
    bins: np.ndarray

    @classmethod
    def of(cls, bad: BadArray, probability: FloatArray, threshold: float = THRESHOLD) -> "_Ranked":
        order = np.argsort(probability, kind="stable")
        ranked = probability[order]
        ties = np.flatnonzero(np.concatenate([[True], np.diff(ranked) > 0]))
        bins = np.minimum(
            np.arange(len(ranked)) * CALIBRATION_BINS // len(ranked), CALIBRATION_BINS - 1
        )
        label = bad[order].astype(np.float64)
        clipped = np.clip(ranked, CLIP, 1 - CLIP)
        return cls(
            label,
            ranked,
            logit(clipped),
            -(label * np.log(clipped) + (1 - label) * np.log1p(-clipped)),
            (ranked - label) ** 2,
            ties,
            int(np.searchsorted(ranked, threshold)),
            bins,
        )


def evaluate(
    bad: BadArray,
    probability: FloatArray,
    samples: int,
    seed: int,
    threshold: float = THRESHOLD,
) -> dict[str, Interval]:
    """Ranking, accuracy and calibration of probabilities [rows] against labels, with intervals.

    Intervals are basic bootstrap intervals (Davison and Hinkley, Bootstrap Methods, 1997), twice
    the estimate less the quantiles of the resamples: resampling adds noise, which only ever raises
    calibration error and KS, and quantiles taken as they are would pass that off as the truth.
    They are cut to the metric's range and always hold the estimate.

    Raises:
        ValueError: the labels are all good or all bad, so that nothing can be ranked.
    """
    ranked = _ranked(bad, probability, threshold)
    estimate = _metrics(ranked, np.ones(len(bad)))
    generator = np.random.default_rng(seed)
    draws = [_metrics(ranked, _resample(ranked.bad, generator)) for _ in range(samples)]
    return {
        name: basic_interval(value, [draw[name] for draw in draws], *RANGES.get(name, ANY_NUMBER))
        for name, value in estimate.items()
    }


def point_estimates(
    bad: BadArray, probability: FloatArray, threshold: float = THRESHOLD
) -> dict[str, float]:
    """The metrics of `evaluate` without their intervals.

    AUC, Gini (2 AUC - 1) and KS; PR-AUC as average precision, whose baseline is the bad rate;
    Brier score, RMSE (its root) and log loss; accuracy and F1 of calling a row bad from the
    threshold on, beside the accuracy of always naming the larger class, which accuracy of rare
    bads hardly beats. Calibration error is the mean absolute gap between bad rate and mean
    probability over ten equally filled bins; slope and intercept are those of a logistic
    regression of the label on the log-odds (Cox, 1958): 1 and 0 are perfect, a slope below 1 is
    overconfidence.

    Raises:
        ValueError: the labels are all good or all bad, so that nothing can be ranked.

    >>> found = point_estimates(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> found["auc"], found["accuracy"], found["majority_accuracy"], round(found["f1"], 4)
    (0.75, 0.75, 0.5, 0.6667)
    """
    return _metrics(_ranked(bad, probability, threshold), np.ones(len(bad)))


def _ranked(bad: BadArray, probability: FloatArray, threshold: float) -> _Ranked:
    if len(np.unique(bad)) < 2:
        raise ValueError("metrics need at least one good and one bad row")
    return _Ranked.of(bad, probability, threshold)


def basic_interval(
    value: float, draws: Sequence[float] | FloatArray, least: float = -np.inf, most: float = np.inf
) -> Interval:
    """A basic bootstrap interval from resamples: it holds the value, and is cut to a range.

    What is not a number stays none: no bound takes its place, which a gate would let pass.

    >>> print(basic_interval(0.5, [0.4, 0.5, 0.5, 0.6], 0.0, 1.0))
    0.5000 [0.4075, 0.5925]
    """
    low_draw, high_draw = np.quantile(draws, [0.025, 0.975])
    low = np.maximum(least, np.minimum(value, 2 * value - high_draw))
    high = np.minimum(most, np.maximum(value, 2 * value - low_draw))
    return Interval(float(value), float(low), float(high))


def _resample(bad: FloatArray, generator: np.random.Generator) -> FloatArray:
    """How often each row is drawn; a resample of one class is drawn again."""
    while True:
        drawn = np.bincount(generator.integers(0, len(bad), len(bad)), minlength=len(bad))
        if 0 < drawn @ bad < drawn.sum():
            return drawn.astype(np.float64)


def _metrics(ranked: _Ranked, weights: FloatArray) -> dict[str, float]:
    bad_weights = weights * ranked.bad
    good_weights = weights - bad_weights
    total, bads = float(weights.sum()), float(bad_weights.sum())
    brier = float(ranked.error @ weights) / total
    slope, intercept = _calibration_line(ranked.log_odds, ranked.bad, weights)
    return {
        **_ranking(
            np.add.reduceat(bad_weights, ranked.ties), np.add.reduceat(good_weights, ranked.ties)
        ),
        "brier": brier,
        "rmse": float(np.sqrt(brier)),
        "log_loss": float(ranked.surprise @ weights) / total,
        **_classification(
            float(bad_weights[ranked.cut :].sum()),
            float(good_weights[ranked.cut :].sum()),
            bads,
            total,
        ),
        "calibration_error": _calibration_error(ranked, weights),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }


def _ranking(bads: FloatArray, goods: FloatArray) -> dict[str, float]:
    """From counts at each distinct probability, lowest first."""
    bads_from_here, goods_from_here = np.cumsum(bads[::-1])[::-1], np.cumsum(goods[::-1])[::-1]
    all_bads, all_goods = bads_from_here[0], goods_from_here[0]
    auc = float(bads @ (all_goods - goods_from_here + goods / 2) / (all_bads * all_goods))
    called = np.maximum(bads_from_here + goods_from_here, 1.0)  # 0 where a resample has no row
    return {
        "auc": auc,
        "gini": 2 * auc - 1,
        "ks": float(np.abs(bads_from_here / all_bads - goods_from_here / all_goods).max()),
        "pr_auc": float(bads @ (bads_from_here / called) / all_bads),
    }


def _classification(
    true_bads: float, false_bads: float, bads: float, total: float
) -> dict[str, float]:
    wrong = false_bads + bads - true_bads
    return {
        "accuracy": (total - wrong) / total,
        "majority_accuracy": max(bads, total - bads) / total,
        "f1": 2 * true_bads / (2 * true_bads + wrong),
    }


def _calibration_error(ranked: _Ranked, weights: FloatArray) -> float:
    gaps = np.bincount(ranked.bins, weights=weights * (ranked.bad - ranked.probability))
    return float(np.abs(gaps).sum() / weights.sum())


def _calibration_line(
    log_odds: FloatArray, bad: FloatArray, weights: FloatArray
) -> tuple[float, float]:
    """Weighted logistic regression of two parameters by Newton's method.

    Where the log-odds part goods from bads without an error, slope and intercept have no bound;
    they stop at 1,000.
    """
    slope, intercept = 1.0, 0.0
    for _ in range(NEWTON_STEPS):
        fitted = expit(slope * log_odds + intercept)
        surprise, curve = weights * (bad - fitted), weights * fitted * (1 - fitted)
        gradient = np.array([surprise @ log_odds, surprise.sum()])
        cross = curve @ log_odds
        hessian = np.array([[curve @ log_odds**2, cross], [cross, curve.sum()]])
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        slope = float(np.clip(slope + step[0], -STEEPEST, STEEPEST))
        intercept = float(np.clip(intercept + step[1], -STEEPEST, STEEPEST))
        if np.abs(step).max() < 1e-10:
            break
    return slope, intercept


def calibration_curve(
    bad: BadArray, probability: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(mean probability, bad rate, rows) of each of ten equally filled bins, lowest first."""
    ranked = _Ranked.of(bad, probability)
    rows = np.bincount(ranked.bins).astype(np.float64)
    filled = rows > 0
    mean = np.bincount(ranked.bins, weights=ranked.probability)[filled] / rows[filled]
    rate = np.bincount(ranked.bins, weights=ranked.bad)[filled] / rows[filled]
    return mean, rate, rows[filled]
