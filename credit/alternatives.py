"""The search for less discriminatory alternatives among the candidates of a training.

It says what there is and what it would cost; a person decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from credit.expressions import FloatArray
from credit.fairness import worst_group, worst_ratio_gain
from credit.groups import Groups
from credit.intervals import Interval
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
            tolerance, the chosen one unless another is better; None when no group can be judged.
        sentence: the same in words, with what it costs.
        gain: how much higher its ratio is than the chosen one's; None when it is the chosen one.
    """

    chosen: str
    auc_tolerance: float
    candidates: tuple[Alternative, ...]
    least_disparate: str | None
    sentence: str
    gain: Interval | None = None


def compare_alternatives(
    candidates: Sequence[Candidate],
    chosen: str,
    bad: BadArray,
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
    seed: int,
) -> Alternatives:
    """Compare candidates on validation rows; the AUC of the best decides who is within tolerance.

    Args:
        candidates: on the same rows, under policies chosen alike.
        chosen: the name of the candidate that training chose.
        bad: 1 for a bad row, 0 for a good one [rows].
        groups: `credit.groups.protected_groups` of the same rows.
        plan: the tolerance in AUC, the minimum size of a group, the bootstrap's samples.
        seed: of the bootstrap of the gain.

    Raises:
        ValueError: `chosen` is not among the candidates.
    """
    names = [candidate.name for candidate in candidates]
    if chosen not in names:
        raise ValueError(f"{chosen!r} is not among the candidates {', '.join(names)}")
    aucs = {one.name: float(roc_auc_score(bad, one.probability)) for one in candidates}
    baseline = next(one for one in candidates if one.name == chosen)
    best = max(aucs.values())
    compared = [
        Alternative(
            name=one.name,
            auc=aucs[one.name],
            approval_rate=float(one.approved.mean()),
            profit=one.profit,
            impact_ratio=_worst_ratio(one.approved, groups, plan),
            within_tolerance=aucs[one.name] >= best - plan.auc_tolerance,
            auc_cost=aucs[chosen] - aucs[one.name],
            profit_cost=_less(baseline.profit, one.profit),
        )
        for one in candidates
    ]
    ranked = sorted(compared, key=lambda one: _rank(one, chosen))
    judged = [one for one in ranked if one.within_tolerance and one.impact_ratio is not None]
    least = judged[0] if judged else None
    gain = None
    if least and least.name != chosen:
        better = next(one for one in candidates if one.name == least.name)
        gain = worst_ratio_gain(better.approved, baseline.approved, groups, plan, seed)
    return Alternatives(
        chosen=chosen,
        auc_tolerance=plan.auc_tolerance,
        candidates=tuple(ranked),
        least_disparate=least.name if least else None,
        gain=gain,
        sentence=_sentence(least, next(one for one in compared if one.name == chosen), gain, plan),
    )


def approve_safest(probability: FloatArray, share: float) -> NDArray[np.bool_]:
    """Approve the given share of rows, those with the lowest probability; ties by their order.

    Candidates approve alike in number then, so that none looks fair by approving everybody.

    >>> approve_safest(np.array([0.3, 0.1, 0.2, 0.1]), 0.5).tolist()
    [False, True, False, True]
    """
    approved = np.zeros(len(probability), dtype=bool)
    safest = np.argsort(probability, kind="stable")
    approved[safest[: round(share * len(probability))]] = True
    return approved


def _worst_ratio(
    approved: NDArray[np.bool_], groups: Mapping[str, Groups], plan: FairnessPlan
) -> float | None:
    worst = worst_group(approved, groups, plan)
    return worst.ratio.value if worst else None


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _rank(candidate: Alternative, chosen: str) -> tuple[float, bool, float, str]:
    """Least disparate first; of equals the chosen one, then the higher AUC, then the name.

    Ratios above 1 are equal: nobody fares worse than the reference group.
    """
    ratio = -1.0 if candidate.impact_ratio is None else min(1.0, candidate.impact_ratio)
    return -ratio, candidate.name != chosen, -candidate.auc, candidate.name


def _sentence(
    least: Alternative | None, chosen: Alternative, gain: Interval | None, plan: FairnessPlan
) -> str:
    if least is None:
        return "No group is large enough to be judged, so no alternative can be looked for."
    within = f"within {plan.auc_tolerance:g} of the best AUC"
    if least.name == chosen.name:
        return f"{chosen.name}, the model chosen, is the least disparate one {within}."
    change = f"AUC changes by {-least.auc_cost:+.4f}"
    if least.profit_cost is not None:
        change += f" and profit by {-least.profit_cost:+,.0f}"
    was = "none" if chosen.impact_ratio is None else f"{chosen.impact_ratio:.3f}"
    more = (
        "" if gain is None else f" (95% interval of the gain {gain.low:+.3f} to {gain.high:+.3f})"
    )
    return (
        f"{least.name} is less disparate than {chosen.name}, the model chosen: its worst "
        f"adverse-impact ratio is {least.impact_ratio:.3f} instead of {was}{more}. It is {within}; "
        f"with it {change}. Nothing is changed without a person's decision."
    )
