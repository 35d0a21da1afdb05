"""When a champion is to be retrained, and what can be done with the outcomes there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from credit.intervals import Interval
from credit.plan import RetrainingPlan
from credit.spec import Frozen

TriggerName = Literal["accuracy", "drift", "drifted columns", "weekly", "manual"]
Remedy = Literal["retrain", "recalibrate", "escalate"]


class Trigger(Frozen):
    """Why a retraining is due."""

    name: TriggerName
    reason: str


@dataclass(frozen=True)
class DriftReading:
    """What one drift check said: the window's score and the share of drifted columns."""

    at: datetime
    score: float
    drifted_share: float


@dataclass(frozen=True)
class AccuracyReading:
    """What one evaluation said: matured rows, and the drop of accuracy against the baseline."""

    at: datetime
    rows: int
    drop: Interval

    def has_fallen(self, plan: RetrainingPlan) -> bool:
        """Whether the drop is large, is more than chance, and is of enough rows."""
        return (
            self.rows >= plan.fewest_rows_for_accuracy
            and self.drop.value > plan.accuracy_drop
            and self.drop.low > 0
        )


@dataclass(frozen=True)
class Memory:
    """What the ledger knows; readings come oldest first.

    trained_at: of the champion. requested_at: of the newest request that was not refused.
    """

    drift: Sequence[DriftReading]
    accuracy: AccuracyReading | None
    trained_at: datetime | None
    requested_at: datetime | None


def due(now: datetime, memory: Memory, plan: RetrainingPlan) -> tuple[Trigger, ...]:
    """The triggers that hold now; none within the cooldown after a request."""
    if memory.requested_at and now - memory.requested_at < timedelta(hours=plan.cooldown_hours):
        return ()
    found = (
        _accuracy(memory.accuracy, plan),
        _drift(now, memory.drift, plan),
        _columns(memory.drift, plan),
        _weekly(now, memory.trained_at, plan),
    )
    return tuple(trigger for trigger in found if trigger)


def remedy(outcomes: int, bads: int, plan: RetrainingPlan) -> tuple[Remedy, str]:
    """What newly matured outcomes allow, and why."""
    counted = f"{outcomes:,} newly matured outcomes"
    if outcomes >= plan.fewest_outcomes:
        return "retrain", counted
    short = f"{counted}, {plan.fewest_outcomes:,} are needed to retrain; {bads:,} of them are bad"
    if bads >= plan.fewest_bads_to_recalibrate:
        return "recalibrate", short
    return "escalate", f"{short}, {plan.fewest_bads_to_recalibrate:,} are needed to recalibrate"


def _accuracy(reading: AccuracyReading | None, plan: RetrainingPlan) -> Trigger | None:
    if reading is None or not reading.has_fallen(plan):
        return None
    return Trigger(
        name="accuracy",
        reason=f"accuracy fell by {_points(reading.drop.value)} "
        f"[{_points(reading.drop.low)}, {_points(reading.drop.high)}] on {reading.rows:,} "
        "matured outcomes",
    )


def _drift(now: datetime, readings: Sequence[DriftReading], plan: RetrainingPlan) -> Trigger | None:
    """Every reading since `drift_hours` ago and the one before them is over the limit."""
    since = None
    for reading in reversed(readings):
        if reading.score <= plan.drift:
            break
        since = reading.at
    if since is None or now - since < timedelta(hours=plan.drift_hours):
        return None
    return Trigger(
        name="drift",
        reason=f"the drift score has been over {plan.drift:g} since {since:%Y-%m-%d %H:%M} UTC, "
        f"and is {readings[-1].score:.2f}",
    )


def _columns(readings: Sequence[DriftReading], plan: RetrainingPlan) -> Trigger | None:
    if not readings or readings[-1].drifted_share <= plan.most_drifted:
        return None
    return Trigger(
        name="drifted columns",
        reason=f"{readings[-1].drifted_share:.0%} of the columns have drifted, "
        f"{plan.most_drifted:.0%} may",
    )


def _weekly(now: datetime, trained_at: datetime | None, plan: RetrainingPlan) -> Trigger | None:
    if trained_at is None or now - trained_at < timedelta(days=plan.every_days):
        return None
    return Trigger(
        name="weekly",
        reason=f"the champion was trained on {trained_at:%Y-%m-%d}, {plan.every_days:g} days or "
        "more ago",
    )


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
