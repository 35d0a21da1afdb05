"""Overrides: how often people decide otherwise than the model, and which way.

A model whose word people often set aside is not trusted, not understood, or wrong; many approvals
of what it declines make the portfolio riskier than it was measured (Siddiqi, Intelligent Credit
Scoring, 2017, on low-side and high-side overrides).
"""

import numpy as np

from credit.intervals import Interval, wilson
from credit.policy import DecisionArray
from credit.spec import Frozen

NO_VERDICT = ""


class Overrides(Frozen):
    """What people made of a window's decisions.

    rate: overridden of all that the model approved or declined. to_approve: declined ones that a
    person approved; to_decline: approved ones that a person declined. referred: what the model
    left to people, of which `reviewed` were decided on and `approved` approved. None where
    there is nothing to take a share of.
    """

    decided: int
    overridden: int
    rate: Interval | None
    to_approve: Interval | None
    to_decline: Interval | None
    referred: int
    reviewed: Interval | None
    approved: Interval | None


def overrides(decision: DecisionArray, verdict: DecisionArray) -> Overrides:
    """Count what people decided.

    Args:
        decision: the model's [rows].
        verdict: a person's "approve" or "decline", or `NO_VERDICT` [rows].

    >>> model = np.array(["approve", "decline", "decline", "review"], dtype=object)
    >>> people = np.array(["", "approve", "decline", "approve"], dtype=object)
    >>> found = overrides(model, people)
    >>> found.overridden, found.decided, found.to_approve.value, found.approved.value
    (1, 3, 0.5, 1.0)
    """
    is_seen = verdict != NO_VERDICT
    referred = decision == "review"
    overridden = is_seen & ~referred & (verdict != decision)
    declined, approved = decision == "decline", decision == "approve"
    seen_referred = referred & is_seen
    return Overrides(
        decided=int((~referred).sum()),
        overridden=int(overridden.sum()),
        rate=_share(overridden, ~referred),
        to_approve=_share(overridden & declined, declined),
        to_decline=_share(overridden & approved, approved),
        referred=int(referred.sum()),
        reviewed=_share(seen_referred, referred),
        approved=_share(seen_referred & (verdict == "approve"), seen_referred),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> Interval | None:
    events, rows = int(part.sum()), int(whole.sum())
    return Interval(events / rows, *wilson(events, rows)) if rows else None
