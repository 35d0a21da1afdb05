"""The decision policy: where a probability of default is approved, reviewed or declined.

It also holds the scorecard scale, and the costs that its bands were chosen by.
"""

from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from credit.expressions import FloatArray
from credit.plan import CostPlan, ScalePlan
from credit.spec import Frozen

Decision = Literal["approve", "review", "decline"]
DecisionArray: TypeAlias = NDArray[np.object_]
IntegerArray: TypeAlias = NDArray[np.int64]

# Mildest first: the position of a decision is its severity.
DECISIONS: tuple[Decision, ...] = ("approve", "review", "decline")
DECIMALS = 6

_NAMES = np.array(DECISIONS, dtype=object)

Threshold = Annotated[
    float, Field(ge=0, le=1), AfterValidator(lambda threshold: round(threshold, DECIMALS))
]


class Policy(Frozen):
    """Bands of the probability of default, the scorecard scale and the costs behind both.

    A probability below `approve_below` is approved, one of at least `decline_above` is declined,
    and what lies between goes to a person; where both are equal, nothing does. Thresholds have as
    many decimals as a probability. `chosen` says how the bands came about.
    """

    approve_below: Threshold
    decline_above: Threshold
    scale: ScalePlan
    costs: CostPlan
    chosen: str = ""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.approve_below > self.decline_above:
            raise ValueError(
                f"approve_below ({self.approve_below:g}) must not be above decline_above "
                f"({self.decline_above:g})"
            )
        return self

    def to_json(self) -> bytes:
        """The policy as a package keeps it: the same bytes for the same policy."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the bytes are no policy (pydantic's ValidationError).
        """
        return cls.model_validate_json(content)


def band(policy: Policy, pd: FloatArray) -> DecisionArray:
    """The decision on each probability of default [rows], as the bands alone have it.

    >>> policy = Policy(
    ...     approve_below=0.1,
    ...     decline_above=0.3,
    ...     scale=ScalePlan(base_score=600, base_odds=30, points_to_double=20),
    ...     costs=CostPlan(loss_given_default=0.45, margin=0.1, review_cost=25,
    ...                    review_accuracy=0.7, review_capacity=0.15))
    >>> band(policy, np.array([0.02, 0.1, 0.3])).tolist()
    ['approve', 'review', 'decline']
    """
    return _NAMES[severity(policy, pd)]


def severity(policy: Policy, pd: FloatArray) -> IntegerArray:
    """The decision of the bands on each probability [rows] as a position in `DECISIONS`.

    Probabilities are rounded to 1e-6 first, as scoring does. One that is no number is declined.
    """
    rounded = np.round(pd, DECIMALS)
    is_approved, is_not_declined = rounded < policy.approve_below, rounded < policy.decline_above
    return 2 - is_approved.astype(np.int64) - is_not_declined


def score(policy: Policy, pd: FloatArray) -> IntegerArray:
    """Scorecard points of each probability of default [rows]; the higher, the better.

    `base_score` points stand for `base_odds` goods to one bad, and `points_to_double` more double
    the odds (Siddiqi, Intelligent Credit Scoring, 2017). Probabilities of 0 and 1 count as 1e-6
    off, for their odds have no number.

    >>> policy = Policy(
    ...     approve_below=0.1,
    ...     decline_above=0.3,
    ...     scale=ScalePlan(base_score=600, base_odds=30, points_to_double=20),
    ...     costs=CostPlan(loss_given_default=0.45, margin=0.1, review_cost=25,
    ...                    review_accuracy=0.7, review_capacity=0.15))
    >>> score(policy, np.array([1 / 31, 1 / 61, 0.5])).tolist()
    [600, 620, 502]
    """
    step = 10.0**-DECIMALS
    rounded = np.clip(np.round(pd, DECIMALS), step, 1 - step)
    scale = policy.scale
    doublings = np.log2((1 - rounded) / rounded / scale.base_odds)
    return np.rint(scale.base_score + scale.points_to_double * doublings).astype(np.int64)
