"""Whether a new champion is to be taken back: what is known of it at once, held against limits.

Outcomes are months away. What can be seen in minutes is whether it answers, how fast, whom it
approves, and whether it scores as it did in the shadow. A difference counts only when its 95%
interval lies beyond the limit, so that a few requests alone take nothing back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from credit.distances import excess_psi
from credit.drift import drift_score
from credit.expressions import FloatArray
from credit.intervals import newcombe
from credit.plan import GuardPlan
from credit.profiles import NumberProfile


@dataclass(frozen=True)
class Traffic:
    """What a service says of its requests to one model: how many, how many failed, mean seconds."""

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Approvals:
    """How many applications a model decided on, and how many of them it approved."""

    rows: int = 0
    approved: int = 0


@dataclass(frozen=True)
class Watched:
    """The new champion beside the former one.

    approvals, former_approvals: on the same applications where the former one scored them too,
    else on its own before the swap.
    refused: how often a service could not load the new one.
    scores: the new one's probabilities of default; shadow_scores: those it gave in the shadow.
    """

    approvals: Approvals
    former_approvals: Approvals
    traffic: Traffic
    former_traffic: Traffic
    refused: int
    scores: FloatArray
    shadow_scores: FloatArray


def objections(watched: Watched, plan: GuardPlan, critical: float) -> tuple[str, ...]:
    """Why the new champion is to be taken back, a sentence each; none: it may stay.

    Args:
        watched: what was seen.
        plan: the limits.
        critical: the drift score over which its scores are another distribution.
    """
    return tuple(
        text
        for text in (
            *_refused(watched.refused),
            *_errors(watched.traffic, watched.former_traffic, plan),
            *_slowness(watched.traffic, watched.former_traffic, plan),
            *_approvals(watched.approvals, watched.former_approvals, plan),
            *_scores(watched.scores, watched.shadow_scores, plan, critical),
        )
    )


def _refused(times: int) -> Iterator[str]:
    if times:
        yield f"a service could not load it, {times} times"


def _errors(new: Traffic, old: Traffic, plan: GuardPlan) -> Iterator[str]:
    if new.requests < plan.rows:
        return
    worse = newcombe(old.failed, old.requests, new.failed, new.requests) if old.requests else None
    low = worse.low if worse else new.failed / new.requests
    if low > plan.most_errors:
        yield (
            f"{new.failed:,} of {new.requests:,} requests failed, {old.failed:,} of "
            f"{old.requests:,} did before; {plan.most_errors:.1%} more may"
        )


def _slowness(new: Traffic, old: Traffic, plan: GuardPlan) -> Iterator[str]:
    if min(new.requests, old.requests) < plan.rows:
        return
    if new.seconds > plan.most_slower * old.seconds:
        yield (
            f"a request takes {1000 * new.seconds:.1f} ms, {1000 * old.seconds:.1f} ms before; "
            f"{plan.most_slower:g} times as long is allowed"
        )


def _approvals(new: Approvals, old: Approvals, plan: GuardPlan) -> Iterator[str]:
    if min(new.rows, old.rows) < plan.rows:
        return
    change = newcombe(old.approved, old.rows, new.approved, new.rows)
    if change.low > plan.most_change or change.high < -plan.most_change:
        yield (
            f"it approves {new.approved / new.rows:.1%} of {new.rows:,}, the former champion "
            f"{old.approved / old.rows:.1%} of {old.rows:,}; they may differ by "
            f"{100 * plan.most_change:g} points"
        )


def _scores(
    live: FloatArray, shadow: FloatArray, plan: GuardPlan, critical: float
) -> Iterator[str]:
    if min(len(live), len(shadow)) < plan.rows:
        return
    reference = NumberProfile.fit(shadow)
    score = drift_score(excess_psi(reference.psi_counts, reference.of(live).psi_counts))
    if score > critical:
        yield (
            f"its scores are not those it gave in the shadow: a drift of {score:.2f}, "
            f"{critical:g} may be"
        )
