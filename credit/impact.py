"""What decisions mean for the business: profit, loss, approvals and bads, with intervals."""

import pandas as pd

from credit.expressions import FloatArray
from credit.labels import BadArray
from credit.metrics import Interval
from credit.plan import CostPlan
from credit.policy import DecisionArray
from credit.spec import Frozen, Schema


class Impact(Frozen):
    """The business at a policy. Rates are shares of all applications, amounts sums over them.

    Attributes:
        bad_rate: of the approved; None where nothing is approved.
        profit: what approved and reviewed applications earn, review costs taken off.
        loss: what approved and reviewed bad ones lose; a part of the profit, as a positive amount.
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
    """Applications on which two policies differ, and what they earn when they are approved."""

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
    """The business when all below one threshold is approved and nothing is reviewed by band."""

    threshold: float
    approval_rate: float
    bad_rate: float | None
    profit: float


class ProfitCurve(Frozen):
    """Points in ascending order of threshold."""

    points: tuple[ProfitPoint, ...]


def exposures(rows: pd.DataFrame, schema: Schema) -> FloatArray:
    """The amount at risk of each validated row: the spec's exposure column, or 1 without one."""
    raise NotImplementedError


def profit_of(
    decisions: DecisionArray, bad: BadArray, exposure: FloatArray, costs: CostPlan
) -> FloatArray:
    """What each application earns [rows] as decided, given how it turned out."""
    raise NotImplementedError


def impact(
    decisions: DecisionArray,
    bad: BadArray,
    exposure: FloatArray,
    costs: CostPlan,
    samples: int,
    seed: int,
) -> Impact:
    """The business impact of decisions [rows] with 95% bootstrap intervals."""
    raise NotImplementedError


def swap_set(
    old: DecisionArray,
    new: DecisionArray,
    bad: BadArray,
    exposure: FloatArray,
    costs: CostPlan,
) -> SwapSet:
    """Who comes in and who goes out when the new decisions take the place of the old."""
    raise NotImplementedError


def profit_curve(
    bad: BadArray,
    pd: FloatArray,
    exposure: FloatArray,
    costs: CostPlan,
    by_rule: DecisionArray | None = None,
) -> ProfitCurve:
    """Profit, approvals and bads over thresholds, the rows that rules decide left to them."""
    raise NotImplementedError
