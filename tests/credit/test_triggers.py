"""The five triggers at their edges, the cooldown, and what few outcomes allow."""

from datetime import UTC, datetime, timedelta

import pytest

from credit.intervals import Interval
from credit.plan import RetrainingPlan
from credit.triggers import AccuracyReading, DriftReading, Memory, due, remedy

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
PLAN = RetrainingPlan(
    accuracy_drop=0.05,
    fewest_rows_for_accuracy=300,
    drift=0.7,
    drift_hours=24,
    most_drifted=0.3,
    every_days=7,
    cooldown_hours=48,
    fewest_outcomes=1000,
    fewest_bads_to_recalibrate=100,
)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


YESTERDAY = hours_ago(24)


def readings(*scores: float, every: float = 12, share: float = 0.0) -> list[DriftReading]:
    """The newest now, the others `every` hours apart before it."""
    last = len(scores) - 1
    return [
        DriftReading(hours_ago(every * (last - position)), score, share)
        for position, score in enumerate(scores)
    ]


def names(drift=(), accuracy=None, trained_at=YESTERDAY, requested_at=None) -> list[str]:
    memory = Memory(drift, accuracy, trained_at, requested_at)
    return [trigger.name for trigger in due(NOW, memory, PLAN)]


def test_a_calm_week_asks_for_nothing():
    assert names(readings(0.1, 0.2, 0.1)) == []


@pytest.mark.parametrize(
    ("scores", "is_due"),
    [
        ((0.71, 0.71, 0.71), True),  # 24 hours
        ((0.1, 0.71, 0.71), False),  # 12 hours
        ((0.71, 0.69, 0.71), False),  # interrupted
        ((0.7, 0.7, 0.7), False),  # not over
        ((0.9, 0.9, 0.9, 0.1), False),  # over and gone
        ((), False),
    ],
)
def test_drift_must_last(scores, is_due):
    assert ("drift" in names(readings(*scores))) == is_due


@pytest.mark.parametrize(
    ("drop", "rows", "is_due"),
    [
        (Interval(0.06, 0.01, 0.11), 300, True),
        (Interval(0.06, -0.01, 0.13), 300, False),  # may be chance
        (Interval(0.05, 0.01, 0.09), 300, False),  # not over five points
        (Interval(0.06, 0.01, 0.11), 299, False),  # too few
    ],
)
def test_accuracy_must_drop_for_sure(drop, rows, is_due):
    assert ("accuracy" in names(accuracy=AccuracyReading(NOW, rows, drop))) == is_due


@pytest.mark.parametrize(("share", "is_due"), [(0.3, False), (0.31, True)])
def test_many_drifted_columns_are_a_reason(share, is_due):
    assert ("drifted columns" in names(readings(0.2, share=share))) == is_due


@pytest.mark.parametrize(("days", "is_due"), [(6.99, False), (7, True)])
def test_a_week_is_a_reason(days, is_due):
    assert ("weekly" in names(trained_at=hours_ago(24 * days))) == is_due


def test_who_was_never_trained_is_no_week_old():
    assert names(trained_at=None) == []


def test_within_the_cooldown_nothing_is_due():
    drift = readings(0.9, 0.9, 0.9)
    assert names(drift, requested_at=hours_ago(47)) == []
    assert names(drift, requested_at=hours_ago(48)) == ["drift"]


def test_reasons_say_what_was_seen():
    memory = Memory(
        readings(0.8, 0.82, 0.84, share=0.5),
        AccuracyReading(NOW, 1234, Interval(0.061, 0.02, 0.1)),
        hours_ago(24 * 8),
        None,
    )
    assert [trigger.reason for trigger in due(NOW, memory, PLAN)] == [
        "accuracy fell by 6.1 points [2.0 points, 10.0 points] on 1,234 matured outcomes",
        "the drift score has been over 0.7 since 2026-03-08 02:00 UTC, and is 0.84",
        "50% of the columns have drifted, 30% may",
        "the champion was trained on 2026-03-01, 7 days or more ago",
    ]


@pytest.mark.parametrize(
    ("outcomes", "bads", "expected"),
    [
        (1000, 0, "retrain"),
        (999, 100, "recalibrate"),
        (999, 99, "escalate"),
        (0, 0, "escalate"),
    ],
)
def test_few_outcomes_allow_less(outcomes, bads, expected):
    found, reason = remedy(outcomes, bads, PLAN)
    assert found == expected
    assert reason.startswith(f"{outcomes:,} newly matured outcomes")
