"""Performance before outcomes are known, from calibrated probabilities alone.

If a probability of default means what it says, an application with p is bad with chance p, and
every measure has an expectation (confidence-based estimation). Two things are assumed and cannot
be seen here: that the calibration holds, and that the relation of features and default is the old
one. Both fail in a downturn, which is when it matters; so the error of earlier estimates is kept
beside the newest.
"""

from collections.abc import Mapping

import numpy as np

from credit.expressions import FloatArray
from credit.intervals import Interval
from credit.labels import BadArray
from credit.metrics import basic_interval, point_estimates
from credit.spec import Frozen

MEASURES = ("auc", "brier", "accuracy", "bad_rate")


class Estimate(Frozen):
    """What may be expected of a window's rows, with intervals for the luck of who is in it.

    auc: none where it has no expectation, for all probabilities are 0 or all are 1.
    """

    rows: int
    auc: Interval | None
    brier: Interval
    accuracy: Interval
    bad_rate: Interval


def estimate(probability: FloatArray, threshold: float, samples: int, seed: int) -> Estimate:
    """Expected AUC, Brier score, accuracy and bad rate of rows with calibrated probabilities.

    Intervals come from drawing the outcomes: rows are resampled and each is made good or bad by
    its own probability.

    Args:
        probability: of default [rows].
        threshold: from which on a row is called bad.
        samples: how many draws.
        seed: of the draws.

    Raises:
        ValueError: there are no rows.
    """
    if not len(probability):
        raise ValueError("an estimate needs rows")
    generator = np.random.default_rng(seed)
    p = np.sort(probability)
    draws = [_drawn(p, threshold, generator) for _ in range(samples)]
    aucs = [auc for auc, *_ in draws if np.isfinite(auc)]
    value = expected_auc(p)
    brier, accuracy, bad_rate = (
        basic_interval(expected, [draw[position] for draw in draws], 0.0, 1.0)
        for position, expected in enumerate(_expected(p, threshold), 1)
    )
    return Estimate(
        rows=len(p),
        auc=basic_interval(value, aucs, 0.0, 1.0) if np.isfinite(value) and aucs else None,
        brier=brier,
        accuracy=accuracy,
        bad_rate=bad_rate,
    )


def expected_auc(probability: FloatArray) -> float:
    """The expected share of pairs of a bad and a good row in which the bad one has more.

    Each pair counts with its chance of being one, ties half; the ratio of expectations stands for
    the expected ratio. Not a number where no pair can be one.

    >>> round(expected_auc(np.array([0.2, 0.8])), 4)
    0.9412
    """
    p = np.sort(probability)
    starts = np.flatnonzero(np.r_[True, p[1:] > p[:-1]])
    bads, goods = np.add.reduceat(p, starts), np.add.reduceat(1 - p, starts)
    below = np.cumsum(goods) - goods
    ordered = float(bads @ (below + goods / 2))
    pairs = float(bads.sum() * goods.sum())
    itself = float((p * (1 - p)).sum())  # a row is no pair with itself
    return (ordered - itself / 2) / (pairs - itself) if pairs > itself else np.nan


class Realised(Frozen):
    """One measure of an earlier estimate, and what came of the same rows.

    error: estimated less realised. held: whether the estimate's interval holds what was realised.
    assumed_error: the same for "it will be as on the test set", the estimate to beat; none where
    the test set says nothing of it.
    """

    measure: str
    estimated: Interval
    realised: float
    error: float
    held: bool
    assumed_error: float | None


def compare_estimate(
    estimated: Estimate,
    assumed: Mapping[str, Interval],
    bad: BadArray,
    probability: FloatArray,
    threshold: float,
) -> tuple[Realised, ...]:
    """Hold an earlier estimate against what became of its rows.

    Args:
        estimated: the estimate, made before any of the outcomes was known.
        assumed: metrics of the champion on its test set.
        bad: labels of the rows, all of which have matured [rows].
        probability: as it was estimated from [rows].
        threshold: as it was estimated with.

    Returns:
        Nothing where all are good or all bad, for then they cannot be ranked.
    """
    if not 0 < bad.sum() < len(bad):
        return ()
    found = {**point_estimates(bad, probability, threshold), "bad_rate": float(bad.mean())}
    return tuple(
        _realised(name, getattr(estimated, name), found[name], assumed.get(name))
        for name in MEASURES
        if getattr(estimated, name) is not None
    )


def _realised(
    name: str, estimated: Interval, realised: float, assumed: Interval | None
) -> Realised:
    return Realised(
        measure=name,
        estimated=estimated,
        realised=realised,
        error=estimated.value - realised,
        held=estimated.low <= realised <= estimated.high,
        assumed_error=assumed.value - realised if assumed else None,
    )


def _expected(p: FloatArray, threshold: float) -> tuple[float, float, float]:
    called = p >= threshold
    right = np.where(called, p, 1 - p)
    return float((p * (1 - p)).mean()), float(right.mean()), float(p.mean())


def _drawn(
    p: FloatArray, threshold: float, generator: np.random.Generator
) -> tuple[float, float, float, float]:
    rows = np.sort(generator.integers(0, len(p), len(p)))
    drawn = p[rows]
    bad = (generator.random(len(p)) < drawn).astype(np.float64)
    called = drawn >= threshold
    return (
        _auc(drawn, bad),
        float(((bad - drawn) ** 2).mean()),
        float((called == bad).mean()),
        float(bad.mean()),
    )


def _auc(ascending: FloatArray, bad: FloatArray) -> float:
    starts = np.flatnonzero(np.r_[True, ascending[1:] > ascending[:-1]])
    bads, rows = np.add.reduceat(bad, starts), np.diff(np.r_[starts, len(bad)])
    goods = rows - bads
    pairs = bads.sum() * goods.sum()
    return float(bads @ (np.cumsum(goods) - goods / 2) / pairs) if pairs else np.nan
