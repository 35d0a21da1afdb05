"""Columns that are out of the ordinary: each has a decided answer (docs/drift.md)."""

import numpy as np
import pytest

from configs.settings import load_settings
from credit.drift import compare, judge
from credit.profiles import CategoryProfile, NumberProfile
from credit.shifts import ColumnDrift, WindowDrift

PLAN = load_settings().drift
CODES = (-9.0, -8.0)
DRAW = np.random.default_rng(7)
NORMAL = DRAW.normal(50, 10, 2_000)
HALF = np.arange(2_000) % 2 == 0


def judged(reference, window) -> WindowDrift:
    shift = compare("x", reference, window)
    return judge({"x": shift}, {}, window.rows, reference.rows, PLAN)


def of(reference, window, codes=()) -> ColumnDrift:
    """A number judged alone; values are of the reference and the window."""
    profile = NumberProfile.fit(np.array(reference, dtype=float), codes)
    (column,) = judged(profile, profile.of(np.array(window, dtype=float))).columns
    return column


def of_texts(reference, window) -> ColumnDrift:
    profile = CategoryProfile.fit(np.array(reference, dtype=object))
    (column,) = judged(profile, profile.of(np.array(window, dtype=object))).columns
    return column


def test_values_that_go_missing_are_drift():
    found = of(NORMAL, np.where(HALF, np.nan, NORMAL))
    assert found.has_drifted
    assert found.shift.missing.window == 0.5
    assert found.shift.missing.low > 0.45
    # Those that are there are as ever.
    assert found.shift.mean is not None
    assert found.shift.mean.low < 0 < found.shift.mean.high
    assert found.shift.distance is not None
    assert found.shift.distance < 0.1  # half of them, drawn at random


def test_as_many_missing_values_as_ever_are_none():
    gaps = np.where(HALF, np.nan, NORMAL)
    found = of(gaps, gaps[::-1])
    assert (found.shift.score, found.has_drifted) == (0.0, False)
    assert found.shift.missing.change == 0


def test_special_codes_are_no_numbers():
    found = of(NORMAL, np.where(HALF, -9.0, NORMAL), CODES)
    assert found.has_drifted
    assert found.shift.mean is not None
    assert found.shift.mean.window == pytest.approx(NORMAL[~HALF].mean())
    assert found.shift.missing.window == 0.0
    # One code is not the other.
    swapped = of(np.where(HALF, -8.0, NORMAL), np.where(HALF, -9.0, NORMAL), CODES)
    assert swapped.has_drifted


def test_a_constant_that_stays_is_none_and_one_that_moves_is_drift():
    assert not of([7.0] * 500, [7.0] * 500).has_drifted
    for moved in (6.999, 7.001):
        found = of([7.0] * 500, [moved] * 500)
        assert found.has_drifted
        assert found.shift.distance is None


def test_a_number_that_becomes_constant_is_drift():
    assert of(NORMAL, [50.0] * 500).has_drifted


def test_a_column_that_gets_empty_is_drift():
    found = of(NORMAL, [np.nan] * 500)
    assert found.has_drifted
    assert (found.shift.distance, found.shift.mean) == (None, None)
    assert of_texts(["a", "b"] * 500, [""] * 500).has_drifted


def test_a_column_that_was_always_empty_is_none_and_values_that_turn_up_are_drift():
    assert not of([np.nan] * 500, [np.nan] * 500).has_drifted
    assert of([np.nan] * 500, [1.0] * 500).has_drifted
    assert not of_texts([""] * 500, [""] * 500).has_drifted
    assert of_texts([""] * 500, ["a"] * 500).has_drifted


@pytest.mark.parametrize("value", [50.0, 1e9, np.nan])
def test_a_single_row_is_no_evidence(value):
    found = of(NORMAL, [value])
    assert not found.has_drifted
    assert found.shift.mean is None
    assert not of([value], NORMAL[: PLAN.fewest_rows - 1]).has_drifted


def test_a_single_row_of_a_category_has_not_drifted_whatever_it_is():
    assert not of_texts(["a"] * 500, ["b"]).has_drifted


def test_a_small_window_is_shown_and_not_judged():
    rows = PLAN.fewest_rows - 1
    found = judged(NumberProfile.fit(NORMAL), NumberProfile.fit(NORMAL).of(np.full(rows, 1e6)))
    assert (found.level, found.drifted) == ("calm", 0)
    assert found.columns[0].shift.score > 0.7


def test_levels_that_were_never_there_are_drift_and_shown():
    found = of_texts(["a", "b"] * 500, ["a", "b", "c", "a"] * 100)
    assert found.has_drifted
    assert found.shift.new_levels == 0.25


@pytest.mark.parametrize("reference_rows", [900, 30_000, 300_000])
def test_one_row_of_a_new_level_is_no_drift_in_200_rows(reference_rows):
    window = [*"abc" * 66, "a", "d"]
    assert not of_texts([*"abc" * (reference_rows // 3)], window).has_drifted


def test_a_rare_level_is_not_a_new_one():
    reference = ["a"] * 997 + ["b"] * 3
    found = of_texts(reference, ["a"] * 90 + ["b"] * 5 + ["c"] * 5)
    assert found.shift.new_levels == 0.05
    # What is rare and what is new are one bin: one more or less of either is not news.
    assert not of_texts(reference, ["a"] * 399 + ["c"]).has_drifted


def test_a_level_that_vanishes_is_drift():
    assert of_texts(["a", "b", "c", "c"] * 250, ["a", "b"] * 200).has_drifted


def test_numbers_beyond_all_of_the_reference_are_drift_however_far():
    for beyond in (1e3, 1e300, np.inf):
        for sign in (1, -1):
            found = of(NORMAL, np.where(HALF, sign * beyond, NORMAL))
            assert found.has_drifted
            assert np.isfinite(found.shift.score)


def test_without_rows_on_a_side_there_is_no_drift():
    for reference, window in (([], NORMAL), (NORMAL, []), ([], [])):
        found = of(reference, window)
        assert (found.shift.score, found.shift.p_value, found.has_drifted) == (0.0, 1.0, False)
    for reference, window in (([], ["a"] * 500), (["a"] * 500, []), ([], [])):
        found = of_texts(reference, window)
        assert (found.shift.score, found.shift.p_value, found.has_drifted) == (0.0, 1.0, False)
