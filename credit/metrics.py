"""How well probabilities of default rank and how honest they are, with bootstrap intervals."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import expit, logit

from credit.expressions import FloatArray
from credit.labels import BadArray

CLIP = 1e-15
CALIBRATION_BINS = 10
NEWTON_STEPS = 25
STEEPEST = 1000.0
RANGES = {
    "auc": (0.0, 1.0),
    "gini": (-1.0, 1.0),
    "ks": (0.0, 1.0),
    "brier": (0.0, 1.0),
    "log_loss": (0.0, np.inf),
    "calibration_error": (0.0, 1.0),
}


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class _Ranked:
    """Rows in ascending order of probability, with what does not depend on their weights."""

    bad: FloatArray
    probability: FloatArray
    ties: np.ndarray
    bins: np.ndarray

    @classmethod
    def of(cls, bad: BadArray, probability: FloatArray) -> "_Ranked":
        order = np.argsort(probability, kind="stable")
        ranked = probability[order]
        ties = np.flatnonzero(np.concatenate([[True], np.diff(ranked) > 0]))
        bins = np.minimum(
            np.arange(len(ranked)) * CALIBRATION_BINS // len(ranked), CALIBRATION_BINS - 1
        )
        return cls(bad[order].astype(np.float64), ranked, ties, bins)


def evaluate(
    bad: BadArray, probability: FloatArray, samples: int, seed: int
) -> dict[str, Interval]:
    """AUC, KS, Brier score, log loss and calibration of probabilities [rows] against labels.

    Calibration error is the mean absolute gap between bad rate and mean probability over ten
    equally filled bins; slope and intercept are those of a logistic regression of the label on
    the log-odds (Cox, 1958): 1 and 0 are perfect, a slope below 1 is overconfidence.

    Intervals are basic bootstrap intervals (Davison and Hinkley, Bootstrap Methods, 1997), twice
    the estimate less the quantiles of the resamples: resampling adds noise, which only ever raises
    calibration error and KS, and quantiles taken as they are would pass that off as the truth.
    They are cut to the metric's range and always hold the estimate.

    Raises:
        ValueError: the labels are all good or all bad, so that nothing can be ranked.
    """
    if len(np.unique(bad)) < 2:
        raise ValueError("metrics need at least one good and one bad row")
    ranked = _Ranked.of(bad, probability)
    estimate = _metrics(ranked, np.ones(len(bad)))
    generator = np.random.default_rng(seed)
    draws = [_metrics(ranked, _resample(ranked.bad, generator)) for _ in range(samples)]
    return {
        name: _interval(name, value, [draw[name] for draw in draws])
        for name, value in estimate.items()
    }


def _interval(name: str, value: float, draws: list[float]) -> Interval:
    low_draw, high_draw = np.quantile(draws, [0.025, 0.975])
    least, most = RANGES.get(name, (-np.inf, np.inf))
    low = max(least, min(value, 2 * value - high_draw))
    high = min(most, max(value, 2 * value - low_draw))
    return Interval(value, float(low), float(high))


def _resample(bad: FloatArray, generator: np.random.Generator) -> FloatArray:
    """How often each row is drawn; a resample of one class is drawn again."""
    while True:
        drawn = np.bincount(generator.integers(0, len(bad), len(bad)), minlength=len(bad))
        if 0 < drawn @ bad < drawn.sum():
            return drawn.astype(np.float64)


def _metrics(ranked: _Ranked, weights: FloatArray) -> dict[str, float]:
    bads = np.add.reduceat(weights * ranked.bad, ranked.ties)
    goods = np.add.reduceat(weights * (1 - ranked.bad), ranked.ties)
    bads, goods = bads / bads.sum(), goods / goods.sum()
    goods_below = np.cumsum(goods) - goods
    auc = float(bads @ (goods_below + goods / 2))
    clipped = np.clip(ranked.probability, CLIP, 1 - CLIP)
    surprise = -(ranked.bad * np.log(clipped) + (1 - ranked.bad) * np.log1p(-clipped))
    slope, intercept = _calibration_line(logit(clipped), ranked.bad, weights)
    return {
        "auc": auc,
        "gini": 2 * auc - 1,
        "ks": float(np.abs(np.cumsum(goods) - np.cumsum(bads)).max()),
        "brier": float(np.average((ranked.probability - ranked.bad) ** 2, weights=weights)),
        "log_loss": float(np.average(surprise, weights=weights)),
        "calibration_error": _calibration_error(ranked, weights),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
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
