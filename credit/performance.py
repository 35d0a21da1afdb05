"""How a champion does on matured outcomes, against what it did on its own test part.

Outcomes exist only for approved applicants, so the baseline is the part of the test set that its
policy approves. A drop counts as one only when its interval excludes 0.
"""

from collections.abc import Mapping

import numpy as np

from credit.baseline import Baseline
from credit.expressions import FloatArray
from credit.intervals import Interval, wilson
from credit.labels import BadArray
from credit.metrics import evaluate
from credit.policy import DecisionArray
from credit.spec import Frozen

COMPARED = ("accuracy", "gini", "brier")


class Performance(Frozen):
    """The champion on one window or vintage of matured, approved applications.

    observed_to_expected: bad rate by mean probability of default; above 1 the champion is too
    optimistic. metrics: none where the rows are all good or all bad, or too few.
    drops: how much worse than the baseline, in points of each metric; positive is worse.
    """

    rows: int
    bads: int
    bad_rate: Interval
    mean_pd: float
    observed_to_expected: Interval | None
    metrics: Mapping[str, Interval] | None
    drops: Mapping[str, Interval]


def baseline(
    bad: BadArray,
    probability: FloatArray,
    decision: DecisionArray,
    threshold: float,
    samples: int,
    seed: int,
) -> Baseline | None:
    """The champion on the test rows that its policy approves; none where they are of one kind.

    Args:
        bad: labels of the test rows [rows].
        probability, decision: what the champion says of them [rows].
        threshold: from which on a row is called bad.
        samples, seed: of the bootstrap.
    """
    approved = decision == "approve"
    if not 0 < bad[approved].sum() < approved.sum():
        return None
    metrics = evaluate(bad[approved], probability[approved], samples, seed, threshold)
    return Baseline(rows=int(approved.sum()), metrics=metrics)


def measure(
    bad: BadArray,
    probability: FloatArray,
    baseline: Baseline | None,
    threshold: float,
    fewest_rows: int,
    samples: int,
    seed: int,
) -> Performance:
    """Measure matured rows.

    Args:
        bad: labels [rows] of approved applications whose full horizon has passed.
        probability: what the champion said of them [rows].
        baseline: what they are compared with, if anything.
        threshold: the policy's, from which on a row is called bad.
        fewest_rows: with fewer rows nothing but the bad rate is said.
        samples, seed: of the bootstrap.
    """
    rows, bads = len(bad), int(bad.sum())
    mean = float(probability.mean()) if rows else 0.0
    low, high = wilson(bads, rows)
    rate = Interval(bads / rows if rows else 0.0, low, high)
    metrics = None
    if rows >= fewest_rows and 0 < bads < rows:
        metrics = evaluate(bad, probability, samples, seed, threshold)
    return Performance(
        rows=rows,
        bads=bads,
        bad_rate=rate,
        mean_pd=mean,
        observed_to_expected=_ratio(rate, mean) if rows and mean else None,
        metrics=metrics,
        drops=_drops(metrics, baseline),
    )


def _ratio(rate: Interval, mean: float) -> Interval:
    return Interval(rate.value / mean, rate.low / mean, rate.high / mean)


def _drops(
    metrics: Mapping[str, Interval] | None, baseline: Baseline | None
) -> dict[str, Interval]:
    """Differences of independent samples: half widths add up as roots of squares."""
    if metrics is None or baseline is None:
        return {}
    return {
        name: _worse(baseline.metrics[name], metrics[name], rises=name == "brier")
        for name in COMPARED
    }


def _worse(before: Interval, now: Interval, rises: bool) -> Interval:
    old, new = (now, before) if rises else (before, now)
    drop = old.value - new.value
    below = float(np.hypot(old.value - old.low, new.high - new.value))
    above = float(np.hypot(old.high - old.value, new.value - new.low))
    return Interval(drop, drop - below, drop + above)
