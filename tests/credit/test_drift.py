"""Drift: scores by hand, planted shifts, clean windows, and what is not judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from credit.distances import excess_psi
from credit.drift import compare, drift_score, judge
from credit.plan import DriftPlan
from credit.profiles import CategoryProfile, NumberProfile
from credit.shifts import ColumnShift, Movement, alert

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


def values_with_gaps(share: float, rows: int, seed: int = 8):
    draw = np.random.default_rng(seed)
    return np.where(draw.random(rows) < share, np.nan, draw.normal(size=rows))


def test_a_tenth_that_goes_missing_is_drift_though_the_values_have_not_moved():
    reference = NumberProfile.fit(values_with_gaps(0.0, 20_000))
    for rows in (200, 1_000):
        window = judged({}, compare("x", reference, reference.of(values_with_gaps(0.1, rows, 9))))
        (column,) = window.columns
        assert (column.shift.test, column.has_drifted) == ("chi-square", True)
        assert window.level != "calm"


def test_a_window_without_any_value_has_drifted():
    reference = NumberProfile.fit(np.arange(1000.0))
    found = compare("x", reference, reference.of(np.full(100, np.nan)))
    assert found.p_value == pytest.approx(0.0, abs=1e-9)
    assert judged({}, found, rows=100).level == "critical"


def test_rows_that_move_between_special_codes_are_drift():
    codes = (-2.0, -1.0)
    reference = NumberProfile.fit(np.repeat([-2.0, -1.0, 1.0], [500, 400, 100]), codes)
    moved = compare("x", reference, reference.of(np.repeat([-2.0, -1.0, 1.0], [200, 700, 100])))
    expected = chi2_contingency([[500, 400, 100], [200, 700, 100]])
    assert (moved.test, moved.statistic) == ("chi-square", pytest.approx(expected.statistic))
    assert moved.p_value == pytest.approx(2 * expected.pvalue)


def test_the_smaller_p_value_of_two_tests_is_doubled():
    draw = np.random.default_rng(1)
    values, moved = draw.normal(size=400), draw.normal(0.3, 1, 200)
    whole = NumberProfile.fit(values)
    alone = compare("x", whole, whole.of(moved))
    gaps = NumberProfile.fit(np.append(values, [np.nan] * 40))
    both = compare("x", gaps, gaps.of(np.append(moved, [np.nan] * 20)))
    assert alone.test == both.test == "Kolmogorov-Smirnov"
    assert (both.statistic, both.p_value) == (alone.statistic, 2 * alone.p_value)


samples = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3, allow_nan=False, width=32)),
    min_size=2,
    max_size=60,
).map(lambda values: np.array(values, dtype=float))


@given(samples)
def test_the_same_sample_scores_nothing(values):
    profile = NumberProfile.fit(values)
    same = compare("x", profile, profile.of(values[::-1]))
    assert (same.score, same.psi, same.statistic, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not same.distance
    texts = np.array([str(value) for value in values], dtype=object)
    category = CategoryProfile.fit(texts)
    level = compare("c", category, category.of(texts[::-1]))
    assert (level.score, level.statistic, level.distance) == (0.0, 0.0, 0.0)


@given(samples, samples, samples)
def test_a_window_in_parts_is_judged_as_the_whole(reference, one, other):
    profile = NumberProfile.fit(reference)
    whole = compare("x", profile, profile.of(np.concatenate([one, other])))
    parts = compare("x", profile, profile.of(one) + profile.of(other))
    assert (parts.psi, parts.statistic, parts.p_value) == (
        whole.psi,
        whole.statistic,
        whole.p_value,
    )
    assert parts.distance == pytest.approx(whole.distance, abs=1e-9)


@given(samples, samples)
def test_a_profile_is_as_good_as_the_rows_within_its_bins(reference, window):
    """Smirnov's distance misses at most the fullest bin, Wasserstein's at most the bins' width."""
    profile = NumberProfile.fit(reference)
    now = profile.of(window)
    found = compare("x", profile, now)
    exact = ks_2samp(reference, window, method="asymp").statistic
    shares = [each.ordinary / each.ordinary.sum() for each in (profile, now)]
    fullest = max(float(share.max()) for share in shares)
    assert exact - fullest - 1e-9 <= found.statistic <= exact + 1e-9
    both = np.concatenate([reference, window])
    edges = np.concatenate([[both.min()], profile.grid.fine, [both.max()]])
    width = np.diff(np.clip(edges, both.min(), both.max()))
    bound = sum(float((share * width).sum()) for share in shares)
    if found.distance is not None:
        way = found.distance * profile.deviation
        assert abs(way - wasserstein_distance(reference, window)) <= bound * (1 + 1e-9) + 1e-9


@given(samples, samples)
def test_psi_of_profiles_is_that_of_the_rows_in_the_same_bins(reference, window):
    profile = NumberProfile.fit(reference)
    edges = np.concatenate([[-np.inf], profile.grid.psi, [np.inf]])
    counts = [np.histogram(values, edges)[0].astype(float) for values in (reference, window)]
    found = compare("x", profile, profile.of(window)).psi
    assert found == pytest.approx(excess_psi(*counts), abs=1e-9)
