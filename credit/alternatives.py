"""The search for less discriminatory alternatives among the candidates of a training.

It says what there is and what it would cost; a person decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.groups import Groups
from credit.labels import BadArray
from credit.plan import FairnessPlan
from credit.spec import Frozen


@dataclass(frozen=True)
class Candidate:
    """A model that could be the champion, on the validation rows.

    probability: of default [rows].
    approved: whether the candidate's policy approves each row [rows].
    profit: of those decisions in the exposure's currency, None when it is not known.
    """

    name: str
    probability: FloatArray
    approved: NDArray[np.bool_]
    profit: float | None = None


class Alternative(Frozen):
    """One candidate: how well it ranks, what it earns, how disparate it is.

    auc_cost and profit_cost are the chosen candidate's figures less this one's.
    """

    name: str
    auc: float
    approval_rate: float
    profit: float | None
    impact_ratio: float | None
    within_tolerance: bool
    auc_cost: float
    profit_cost: float | None


class Alternatives(Frozen):
    """All candidates, least disparate first.

    Attributes:
        chosen: the candidate that training chose.
        least_disparate: the one with the highest worst adverse-impact ratio among those within the
            tolerance; the chosen one unless another is better; None when no group can be judged.
        sentence: the same in words, with what it costs.
    """

    chosen: str
    auc_tolerance: float
    candidates: tuple[Alternative, ...]
    least_disparate: str | None
    sentence: str


def compare_alternatives(
    candidates: Sequence[Candidate],
    chosen: str,
    bad: BadArray,
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
) -> Alternatives:
    """Compare candidates on validation rows; the AUC of the best decides who is within tolerance.

    Raises:
        ValueError: `chosen` is not among the candidates.
    """
    raise NotImplementedError


def approve_safest(probability: FloatArray, share: float) -> NDArray[np.bool_]:
    """Approve the given share of rows, those with the lowest probability; ties by their order."""
    raise NotImplementedError
