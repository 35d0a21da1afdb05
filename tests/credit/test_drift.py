"""Drift: scores by hand, planted shifts, clean windows, and what is not judged."""

import numpy as np
import pytest

from credit.drift import ColumnShift, Movement, alert, compare, drift_score, judge
from credit.plan import DriftPlan
from credit.profiles import CategoryProfile, NumberProfile

PLAN = DriftPlan(
    warning=0.5,
    critical=0.7,
    most_drifted=0.3,
    significance=0.01,
    fewest_rows=50,
    leading_share=0.05,
    leading_columns=1,
)
NOTHING = Movement(reference=0, window=0, change=0, low=0, high=0)


def shift(name: str, score: float, p_value: float = 1e-9) -> ColumnShift:
    return ColumnShift(
        name=name,
        score=score,
        psi=0.0,
        test="chi-square",
        statistic=0.0,
        p_value=p_value,
        distance=None,
        missing=NOTHING,
    )


def judged(importance: dict[str, float], *shifts: ColumnShift, rows: int = 1000):
    return judge({each.name: each for each in shifts}, importance, rows, 24_000, PLAN)


def test_psi_of_a_tenth_is_half_and_of_a_quarter_is_critical():
    assert drift_score(0.0) == 0.0
    assert drift_score(0.1) == pytest.approx(0.5)
    assert drift_score(0.25) == pytest.approx(0.7, abs=1e-3)
    assert drift_score(1e6) == pytest.approx(1.0, abs=1e-3)


def test_a_leading_column_speaks_for_itself_and_others_by_their_share():
    importance = {"leading": 0.96, "small": 0.04}
    worst = judged(importance, shift("leading", 0.8), shift("small", 0.1))
    assert (worst.score, worst.level, worst.drifted) == (0.8, "critical", 1)
    small = judged(importance, shift("leading", 0.1), shift("small", 0.8))
    assert small.score == pytest.approx(0.04 * 0.8)
    assert small.level == "warning"  # one of two columns is over 30%


def test_without_importance_all_columns_count_the_same():
    window = judged({}, shift("a", 0.6), shift("b", 0.1), shift("c", 0.1), shift("d", 0.1))
    assert [column.importance for column in window.columns] == [0.25] * 4
    assert window.score == 0.6


def test_what_is_not_significant_or_not_large_has_not_drifted():
    window = judged({}, shift("large", 0.9, p_value=0.5), shift("small", 0.49))
    assert (window.drifted, window.score, window.level) == (0, 0.0, "calm")


def test_p_values_are_adjusted_for_the_number_of_columns():
    # 0.004 x 3 / 1 is over 0.01, though 0.004 alone would be significant.
    window = judged({}, shift("a", 0.9, 0.004), shift("b", 0.1, 1.0), shift("c", 0.1, 1.0))
    (first, *_) = window.columns
    assert (first.adjusted_p_value, first.has_drifted) == (pytest.approx(0.012), False)


def test_a_small_window_is_calm_and_still_shows_its_columns():
    window = judged({}, shift("a", 0.9), rows=49)
    assert (window.level, window.score, window.drifted) == ("calm", 0.0, 0)
    assert window.columns[0].shift.score == 0.9


def test_no_columns_are_calm():
    assert judged({}).level == "calm"


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], "calm"),
        (["warning"], "calm"),
        (["critical"], "critical"),
        (["warning", "warning"], "warning"),
        (["critical", "warning"], "warning"),
        (["warning", "warning", "calm"], "calm"),
        (["warning", "calm", "warning"], "calm"),
    ],
)
def test_an_alert_wants_two_windows_in_a_row_or_a_critical_one(levels, expected):
    assert alert(levels) == expected


def test_a_moved_number_is_measured():
    draw = np.random.default_rng(3)
    reference = NumberProfile.fit(draw.normal(10, 2, 20_000))
    moved = compare("income", reference, reference.of(draw.normal(11, 2, 20_000)))
    assert moved.test == "Kolmogorov-Smirnov"
    assert moved.distance == pytest.approx(0.5, abs=0.03)  # one unit is half a deviation
    assert moved.mean is not None
    assert moved.mean.low < 1.0 < moved.mean.high
    assert moved.statistic == pytest.approx(0.1974, abs=0.015)  # 2 Phi(0.25) - 1
    assert moved.p_value < 1e-9


def test_values_that_go_missing_and_levels_that_come_up_are_measured():
    draw = np.random.default_rng(4)
    values = draw.normal(size=2_000)
    gone = compare(
        "x",
        NumberProfile.fit(values),
        NumberProfile.fit(values).of(np.where(np.arange(2_000) < 200, np.nan, values)),
    )
    assert gone.missing.change == pytest.approx(0.1)
    assert gone.score > 0.5
    reference = CategoryProfile.fit(np.array(["a", "b"] * 500, dtype=object))
    fresh = compare("c", reference, reference.of(np.array(["a", "b", "new", "a"] * 50, object)))
    assert fresh.new_levels == 0.25
    assert fresh.score > 0.7


@pytest.mark.parametrize(
    "values", [[], [np.nan] * 60, [5.0], [np.inf, -np.inf, 1.0], [1e308, -1e308] * 40]
)
def test_odd_windows_have_an_answer(values):
    reference = NumberProfile.fit(np.random.default_rng(0).normal(size=500))
    found = compare("x", reference, reference.of(np.array(values, dtype=float)))
    assert 0 <= found.score <= 1
    assert 0 <= found.p_value <= 1
    assert found.distance is None or found.distance >= 0


@pytest.mark.parametrize("reference", [[], [np.nan] * 60, [5.0] * 60])
def test_odd_references_have_an_answer(reference):
    profile = NumberProfile.fit(np.array(reference, dtype=float))
    found = compare("x", profile, profile.of(np.array([5.0, 6.0, np.nan])))
    assert 0 <= found.score <= 1


def test_profiles_of_other_bins_are_refused():
    one, other = NumberProfile.fit(np.arange(5.0)), NumberProfile.fit(np.arange(50.0))
    with pytest.raises(ValueError, match="not in the reference's bins"):
        compare("x", one, other)


def test_a_level_is_one_of_a_window_whatever_its_size():
    """At a fixed shift the mean score does not grow with the window."""
    draw = np.random.default_rng(6)
    reference = NumberProfile.fit(draw.normal(size=50_000))
    scores = {
        n: np.mean(
            [
                compare("x", reference, reference.of(draw.normal(0.35, 1, n))).score
                for _ in range(20_000 // n + 5)
            ]
        )
        for n in (200, 1_000, 20_000)
    }
    assert max(scores.values()) - min(scores.values()) < 0.05
