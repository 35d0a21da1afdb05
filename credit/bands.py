"""The choice of a policy's bands by profit, on validation rows alone."""

from credit.expressions import FloatArray
from credit.labels import BadArray
from credit.plan import DecisionPlan
from credit.policy import DecisionArray, Policy


def choose_bands(
    bad: BadArray,
    pd: FloatArray,
    exposure: FloatArray,
    decisions: DecisionPlan,
    by_rule: DecisionArray | None = None,
) -> Policy:
    """The bands that would have earned most on validation rows."""
    raise NotImplementedError
