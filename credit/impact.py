"""What decisions mean for the business: profit, loss, approvals and bads, with intervals.

The accounts are those of `credit.plan.CostPlan`, over outcomes that are known. A good application
that is approved earns its margin, a bad one loses its loss given default, both as shares of the
exposure; a review costs what it costs and then approves rightly with the reviewers' accuracy; a
decline earns nothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.intervals import Interval
from credit.labels import BadArray
from credit.metrics import basic_interval
from credit.plan import CostPlan
from credit.policy import DECIMALS, DecisionArray, IntegerArray
from credit.spec import Frozen, Schema
from credit.validation import RowsError

BoolArray = NDArray[np.bool_]

CURVE_STEPS = 100


class Impact(Frozen):
    """The business at a policy. Rates are shares of all applications, amounts sums over them.

    Attributes:
        exposure: sum over all applications, whatever is decided on them.
        bad_rate: of the approved; None where nothing is approved.
        profit: what approved and reviewed applications earn, the costs of reviews taken off.
        loss: what bad ones among them lose, as a positive amount; the profit has it taken off.
    """

    applications: int
    exposure: float
    approval_rate: Interval
    review_rate: Interval
    decline_rate: Interval
    bad_rate: Interval | None
    profit: Interval
    loss: Interval


class Swap(Frozen):
    """Some applications, and what they earn once they are approved.

    Attributes:
        share: of all applications.
        bad_rate: None where there are none.
    """

    applications: int
    share: float
    bads: int
    bad_rate: float | None
    exposure: float
    profit: float


class SwapSet(Frozen):
    """Who is approved by the new decisions alone (in) and by the old ones alone (out).

    `stay` are approved by both. Review counts as not approved.
    """

    swapped_in: Swap
    swapped_out: Swap
    stay: Swap


class ProfitPoint(Frozen):
    """The business when all below one threshold is approved and the bands review nothing.

    Attributes:
        bad_rate: of the approved; None where nothing is approved.
    """

    threshold: float
    approval_rate: float
    bad_rate: float | None
    profit: float


class ProfitCurve(Frozen):
    """Points in ascending order of threshold."""

    points: tuple[ProfitPoint, ...]

    @property
    def best(self) -> ProfitPoint:
        """The point of the highest profit; the lowest threshold of several."""
        return max(self.points, key=lambda point: point.profit)


def exposures(rows: pd.DataFrame, schema: Schema) -> FloatArray:
    """The amount at risk of each validated row: the spec's exposure column, or 1 without one.

    Raises:
        RowsError: an exposure is missing or negative.

    >>> schema = Schema.model_validate({"name": "tiny", "bad": {"target": "bad"},
    ...     "exposure": "amount", "columns": {"amount": {"type": "number", "unit": "EUR"}}})
    >>> exposures(pd.DataFrame({"amount": [500.0, 1200.0]}), schema)
    array([ 500., 1200.])
    """
    if not schema.exposure:
        return np.ones(len(rows))
    amounts = rows[schema.exposure].to_numpy(dtype=np.float64)
    amounts = np.where(np.isin(amounts, schema.special_codes(schema.exposure)), np.nan, amounts)
    wrong = int((~(amounts >= 0)).sum())
    if wrong:
        raise RowsError(
            f"exposure column {schema.exposure!r} is missing or negative in {wrong:,} of "
            f"{len(rows):,} rows; give it missing_allowed: false and range: [0, null], or leave "
            "exposure out"
        )
    return amounts


def profit_if_approved(bad: BadArray, exposure: FloatArray, costs: CostPlan) -> FloatArray:
    """What each application earns [rows] once it is approved."""
    return np.where(bad == 1, -costs.loss_given_default, costs.margin) * exposure


def profit_if_reviewed(bad: BadArray, exposure: FloatArray, costs: CostPlan) -> FloatArray:
    """What each application earns [rows] on average over reviews that may go wrong."""
    approved = np.where(bad == 1, 1 - costs.review_accuracy, costs.review_accuracy)
    return approved * profit_if_approved(bad, exposure, costs) - costs.review_cost


def profit_of(
    decisions: DecisionArray, bad: BadArray, exposure: FloatArray, costs: CostPlan
) -> FloatArray:
    """What each application earns [rows] as decided, given how it turned out.

    >>> costs = CostPlan(loss_given_default=0.5, margin=0.1, review_cost=20,
    ...                  review_accuracy=0.75, review_capacity=0.2)
    >>> decisions = np.array(["approve", "approve", "review", "review", "decline"], dtype=object)
    >>> bad, exposure = np.array([0, 1, 0, 1, 1], dtype=np.int8), np.full(5, 1000.0)
    >>> profit_of(decisions, bad, exposure, costs).tolist()
    [100.0, -500.0, 55.0, -145.0, 0.0]
    """
    approved = np.where(decisions == "approve", profit_if_approved(bad, exposure, costs), 0.0)
    reviewed = np.where(decisions == "review", profit_if_reviewed(bad, exposure, costs), 0.0)
    return approved + reviewed


def impact(
    decisions: DecisionArray,
    bad: BadArray,
    exposure: FloatArray,
    costs: CostPlan,
    samples: int,
    seed: int,
) -> Impact:
    """The business impact of decisions [rows] with 95% intervals.

    Rows are drawn `samples` times with replacement, and the intervals are basic bootstrap
    intervals, as those of `credit.metrics.evaluate`, cut to what is possible.

    Raises:
        ValueError: there are no rows.
    """
    if not len(bad):
        raise ValueError("there are no applications; expected at least one")
    columns = _accounts(decisions, bad, exposure, costs)
    draws = _resampled_sums(columns, samples, seed)
    sums, rows = columns.sum(axis=1), len(bad)
    approval, review, decline = (
        basic_interval(sums[position] / rows, draws[position] / rows, 0.0, 1.0)
        for position in range(3)
    )
    return Impact(
        applications=rows,
        exposure=float(exposure.sum()),
        approval_rate=approval,
        review_rate=review,
        decline_rate=decline,
        bad_rate=_bad_rate(sums, draws),
        profit=basic_interval(sums[4], draws[4]),
        loss=basic_interval(sums[5], draws[5], least=0.0),
    )


def _accounts(
    decisions: DecisionArray, bad: BadArray, exposure: FloatArray, costs: CostPlan
) -> FloatArray:
    """Of each row: approved, reviewed, declined, approved and bad, profit, loss [6, rows]."""
    is_approved, is_reviewed = decisions == "approve", decisions == "review"
    approved = is_approved + (1 - costs.review_accuracy) * is_reviewed
    return np.stack(
        [
            is_approved,
            is_reviewed,
            decisions == "decline",
            is_approved & (bad == 1),
            profit_of(decisions, bad, exposure, costs),
            approved * (bad == 1) * costs.loss_given_default * exposure,
        ]
    ).astype(np.float64)


def _resampled_sums(columns: FloatArray, samples: int, seed: int) -> FloatArray:
    """Sums [columns, samples] over rows drawn with replacement."""
    generator = np.random.default_rng(seed)
    rows = columns.shape[1]
    draws = (generator.integers(0, rows, rows) for _ in range(samples))
    times_drawn = (np.bincount(drawn, minlength=rows) for drawn in draws)
    # A product and a sum rather than `@`, whose last bits depend on the number of threads.
    return np.stack([(columns * times).sum(axis=1) for times in times_drawn], axis=1)


def _bad_rate(sums: FloatArray, draws: FloatArray) -> Interval | None:
    if not sums[0]:
        return None
    some = draws[:, draws[0] > 0]
    rates = some[3] / some[0] if some.size else sums[3:4] / sums[0]
    return basic_interval(sums[3] / sums[0], rates, 0.0, 1.0)


def swap_set(
    old: DecisionArray,
    new: DecisionArray,
    bad: BadArray,
    exposure: FloatArray,
    costs: CostPlan,
) -> SwapSet:
    """Who comes in and who goes out when the new decisions take the place of the old.

    >>> costs = CostPlan(loss_given_default=0.5, margin=0.1, review_cost=20,
    ...                  review_accuracy=0.75, review_capacity=0.2)
    >>> old = np.array(["approve", "approve", "decline", "review"], dtype=object)
    >>> new = np.array(["approve", "decline", "approve", "decline"], dtype=object)
    >>> swap = swap_set(old, new, np.array([0, 1, 0, 1]), np.full(4, 1000.0), costs)
    >>> swap.swapped_in.profit, swap.swapped_out.profit, swap.stay.applications
    (100.0, -500.0, 1)
    """
    was, now = old == "approve", new == "approve"
    profit = profit_if_approved(bad, exposure, costs)

    def swap(chosen: BoolArray) -> Swap:
        applications, bads = int(chosen.sum()), int(bad[chosen].sum())
        return Swap(
            applications=applications,
            share=applications / max(len(bad), 1),
            bads=bads,
            bad_rate=bads / applications if applications else None,
            exposure=float(exposure[chosen].sum()),
            profit=float(profit[chosen].sum()),
        )

    return SwapSet(swapped_in=swap(now & ~was), swapped_out=swap(was & ~now), stay=swap(was & now))


@dataclass(frozen=True)
class RunningSums:
    """Sums over the rows below each threshold, from 0 (no row) to all rows [rows + 1].

    Rows that a rule declines are in none. `free` rows are left to the bands; `referred` rows go to
    a person by a rule unless their probability is declined.
    """

    pd: FloatArray
    free: FloatArray
    free_bads: FloatArray
    profit_approved: FloatArray
    profit_reviewed: FloatArray
    referred: FloatArray
    profit_referred: FloatArray

    @classmethod
    def of(
        cls,
        bad: BadArray,
        pd: FloatArray,
        exposure: FloatArray,
        costs: CostPlan,
        by_rule: DecisionArray | None = None,
    ) -> "RunningSums":
        """Sort rows by their probability, rounded as scoring does, and add them up."""
        pd = np.round(pd, DECIMALS)
        order = np.argsort(pd, kind="stable")
        rule = np.full(len(bad), "", dtype=object) if by_rule is None else by_rule
        free, referred = rule == "", rule == "review"
        approved = profit_if_approved(bad, exposure, costs)
        reviewed = profit_if_reviewed(bad, exposure, costs)
        return cls(
            pd[order],
            *(
                np.concatenate([[0.0], np.cumsum(column[order])])
                for column in (
                    free,
                    free * bad,
                    free * approved,
                    free * reviewed,
                    referred,
                    referred * reviewed,
                )
            ),
        )

    def below(self, thresholds: FloatArray) -> IntegerArray:
        """How many rows lie below each threshold: the position of its sums."""
        return np.searchsorted(self.pd, thresholds, side="left")

    def thresholds(self, steps: int) -> FloatArray:
        """0, 1 and the quantiles of the probabilities in `steps` steps, in ascending order."""
        positions = np.linspace(0, len(self.pd) - 1, steps + 1).round().astype(np.int64)
        return np.unique(np.concatenate([[0.0], self.pd[positions], [1.0]]))


def profit_curve(
    bad: BadArray,
    pd: FloatArray,
    exposure: FloatArray,
    costs: CostPlan,
    by_rule: DecisionArray | None = None,
) -> ProfitCurve:
    """Profit, approvals and bads when all below a threshold is approved, over a hundred of them.

    Rows that a rule declines stay declined; rows that a rule sends to a person are reviewed below
    the threshold.

    Args:
        by_rule: `credit.decisions.Findings.decision` of the rows; no rules unless given.

    Raises:
        ValueError: there are no rows.
    """
    if not len(bad):
        raise ValueError("there are no applications; expected at least one")
    sums = RunningSums.of(bad, pd, exposure, costs, by_rule)
    thresholds = sums.thresholds(CURVE_STEPS)
    points = zip(thresholds.tolist(), sums.below(thresholds).tolist(), strict=True)
    return ProfitCurve(
        points=tuple(_point(sums, threshold, below, len(bad)) for threshold, below in points)
    )


def _point(sums: RunningSums, threshold: float, below: int, rows: int) -> ProfitPoint:
    approved = float(sums.free[below])
    return ProfitPoint(
        threshold=threshold,
        approval_rate=approved / rows,
        bad_rate=float(sums.free_bads[below]) / approved if approved else None,
        profit=float(sums.profit_approved[below] + sums.profit_referred[below]),
    )
