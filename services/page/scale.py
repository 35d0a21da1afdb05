"""The scorecard's axis, with the bands of the policy in points."""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from credit.policy import DECIMALS, Policy, score

STEP = 50
# The axis shows the points of these probabilities of default; few applications lie outside.
WORST, BEST = 0.95, 0.001


@dataclass(frozen=True)
class Scale:
    """All in points: more are better.

    low, high: the ends of the axis. decline_to, approve_from: the edges of the bands, rounded as
    scores are, so that a score on an edge may lie on either side. least, most: the lowest and
    the highest score there can be.
    """

    low: int
    high: int
    decline_to: int
    approve_from: int
    least: int
    most: int


def scale(policy: Policy) -> Scale:
    """The axis of a policy."""
    step = 10.0**-DECIMALS
    ends = [policy.decline_above, policy.approve_below, WORST, BEST, 1 - step, step]
    decline_to, approve_from, worst, best, least, most = score(policy, np.array(ends)).tolist()
    return Scale(
        low=STEP * floor(min(worst, decline_to) / STEP),
        high=STEP * ceil(max(best, approve_from) / STEP),
        decline_to=decline_to,
        approve_from=approve_from,
        least=least,
        most=most,
    )
