"""How well probabilities of default rank and how honest they are, with bootstrap intervals."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import expit, logit

from credit.expressions import FloatArray
from credit.models.family import BadArray

CLIP = 1e-15
CALIBRATION_BINS = 10
NEWTON_STEPS = 25


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% bootstrap interval (percentile)."""

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

    Raises:
        ValueError: the labels are all good or all bad, so that nothing can be ranked.
    """
    if len(np.unique(bad)) < 2:
        raise ValueError("metrics need at least one good and one bad row")
    ranked = _Ranked.of(bad, probability)
    estimate = _metrics(ranked, np.ones(len(bad)))
    generator = np.random.default_rng(seed)
    draws = [_metrics(ranked, weights) for weights in _resamples(ranked.bad, samples, generator)]
    intervals = {}
    for name, value in estimate.items():
        low, high = np.quantile([draw[name] for draw in draws], [0.025, 0.975])
        intervals[name] = Interval(value, float(low), float(high))
    return intervals


def _resamples(bad: FloatArray, samples: int, generator: np.random.Generator) -> list[FloatArray]:
    """How often each row is drawn in each resample; resamples of one class are drawn again."""
    weights: list[FloatArray] = []
    while len(weights) < samples:
        drawn = np.bincount(generator.integers(0, len(bad), len(bad)), minlength=len(bad))
        if 0 < drawn @ bad < len(bad):
            weights.append(drawn.astype(np.float64))
    return weights


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
    """Weighted logistic regression of two parameters by Newton's method."""
    slope, intercept = 1.0, 0.0
    for _ in range(NEWTON_STEPS):
        fitted = expit(slope * log_odds + intercept)
        surprise, curve = weights * (bad - fitted), weights * fitted * (1 - fitted)
        gradient = np.array([surprise @ log_odds, surprise.sum()])
        cross = curve @ log_odds
        hessian = np.array([[curve @ log_odds**2, cross], [cross, curve.sum()]])
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        slope, intercept = slope + float(step[0]), intercept + float(step[1])
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
