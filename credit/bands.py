"""The choice of a policy's bands by profit, on validation rows alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.impact import RunningSums
from credit.labels import BadArray
from credit.plan import DecisionPlan
from credit.policy import DecisionArray, IntegerArray, Policy

STEPS = 1000
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Candidates:
    """Every pair of thresholds [approve_below, decline_above] with what it would have led to.

    allowed: the pair is ordered, and its reviews are within capacity.
    """

    thresholds: FloatArray
    profit: FloatArray
    reviews: FloatArray
    allowed: NDArray[np.bool_]

    def best(self) -> tuple[int, int]:
        """The positions of the thresholds with the highest profit.

        Of several that earn the same, to a billionth of the largest amount, the one with the
        fewest reviews is the best, and of those the one that approves least.
        """
        profit = np.where(self.allowed, self.profit, -np.inf)
        noise = TOLERANCE * max(np.abs(self.profit).max(), 1.0)
        close = np.argwhere(profit >= profit.max() - noise)
        reviews = self.reviews[close[:, 0], close[:, 1]]
        low, high = close[np.lexsort((close[:, 1], close[:, 0], reviews))[0]]
        return int(low), int(high)


def choose_bands(
    bad: BadArray,
    pd: FloatArray,
    exposure: FloatArray,
    decisions: DecisionPlan,
    by_rule: DecisionArray | None = None,
) -> Policy:
    """The bands that would have earned most on validation rows.

    Both thresholds are searched over the quantiles of the probabilities in steps of a thousandth,
    so all of them where rows are few. The bands review no more than what the rules leave of the
    capacity; where the rules alone refer more than that, the bands review nothing.

    Args:
        bad, pd, exposure: of the validation rows, never of the test.
        by_rule: `credit.decisions.Findings.decision` of the rows; no rules unless given.

    Raises:
        ValueError: there are no rows.

    >>> from credit.plan import CostPlan, ScalePlan
    >>> plan = DecisionPlan(
    ...     costs=CostPlan(loss_given_default=0.5, margin=0.1, review_cost=20,
    ...                    review_accuracy=0.95, review_capacity=0.25),
    ...     scale=ScalePlan(base_score=600, base_odds=30, points_to_double=20))
    >>> pd = np.array([0.01, 0.02, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5])
    >>> bad = np.array([0, 0, 0, 0, 1, 0, 1, 1])
    >>> policy = choose_bands(bad, pd, np.full(8, 1000.0), plan)
    >>> policy.approve_below, policy.decline_above
    (0.2, 0.4)
    >>> policy.chosen
    'on 8 validation rows: profit 430 with 50.0% approved and 25.0% reviewed'
    """
    if not len(bad):
        raise ValueError("there are no validation rows; expected at least one")
    sums = RunningSums.of(bad, pd, exposure, decisions.costs, by_rule)
    thresholds = sums.thresholds(STEPS)
    below = sums.below(thresholds)
    candidates = _candidates(sums, thresholds, below, decisions.costs.review_capacity * len(bad))
    low, high = candidates.best()
    return Policy(
        approve_below=thresholds[low],
        decline_above=thresholds[high],
        scale=decisions.scale,
        costs=decisions.costs,
        chosen=(
            f"on {len(bad):,} validation rows: profit {candidates.profit[low, high]:,.0f} with "
            f"{sums.free[below[low]] / len(bad):.1%} approved and "
            f"{candidates.reviews[low, high] / len(bad):.1%} reviewed"
        ),
    )


def _candidates(
    sums: RunningSums, thresholds: FloatArray, below: IntegerArray, capacity: float
) -> Candidates:
    low, high = below[:, None], below[None, :]
    by_band = sums.free[high] - sums.free[low]
    reviews = by_band + sums.referred[high]
    profit = (
        sums.profit_approved[low]
        + (sums.profit_reviewed[high] - sums.profit_reviewed[low])
        + sums.profit_referred[high]
    )
    is_ordered = thresholds[:, None] <= thresholds[None, :]
    return Candidates(
        thresholds,
        profit,
        reviews,
        is_ordered & ((by_band == 0) | (reviews <= capacity + TOLERANCE)),
    )
