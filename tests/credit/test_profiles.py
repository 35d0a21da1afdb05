"""Profiles: bins by hand, parts that add up to the whole, and what odd columns look like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.profiles import CategoryProfile, NumberProfile

CODES = (-9.0,)

numbers = st.lists(
    st.one_of(st.integers(0, 5).map(float), st.sampled_from([np.nan, -9.0, 1e12, -1e12])),
    max_size=40,
).map(lambda values: np.array(values, dtype=float))
texts = st.lists(st.sampled_from(["", "car", "home", "boat"]), max_size=40).map(
    lambda values: np.array(values, dtype=object)
)


def test_a_number_by_hand():
    profile = NumberProfile.fit(np.array([1.0, 2.0, 2.0, 3.0, -9.0, np.nan]), CODES)
    assert profile.grid.fine.tolist() == [1.0, 2.0, 3.0, np.nextafter(3.0, np.inf)]
    # missing, -9, below 1, 1, 2, 3, above 3
    assert profile.counts.tolist() == [1, 1, 0, 1, 2, 1, 0]
    assert profile.sums.tolist() == [0, -9, 0, 1, 4, 3, 0]
    assert (profile.rows, profile.missing, profile.mean) == (6, 1, 2.0)
    assert profile.deviation == pytest.approx(np.std([1, 2, 2, 3], ddof=1))
    window = profile.of(np.array([0.5, 99.0, 2.0]))
    assert window.counts.tolist() == [0, 0, 1, 0, 1, 0, 1]
    assert (window.lowest, window.highest) == (0.5, 99.0)


def test_bins_of_psi_are_tenths_of_the_reference():
    profile = NumberProfile.fit(np.arange(1000.0))
    assert profile.psi_counts.tolist() == [0, 0, *[100] * 10, 0]
    assert len(profile.ordinary) == 202
    assert profile.ordinary[1:-1].tolist() == [5] * 200


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [-9.0]])
def test_a_reference_without_values_has_one_bin_for_them(values):
    profile = NumberProfile.fit(np.array(values, dtype=float), CODES)
    window = profile.of(np.array([4.0, np.nan]))
    assert window.ordinary.tolist() == [1]
    assert window.mean == 4.0
    assert np.isnan(profile.mean)
    assert np.isnan(profile.deviation)


def test_a_constant_is_told_from_what_lies_beside_it():
    profile = NumberProfile.fit(np.full(50, 7.0))
    assert profile.of(np.array([6.9, 7.0, 7.1])).ordinary.tolist() == [1, 1, 1]


def test_a_category_by_hand():
    reference = np.array(["car"] * 300 + ["home"] * 99 + ["boat"], dtype=object)
    profile = CategoryProfile.fit(reference)
    assert profile.levels == ("car", "home")
    # rare or new, missing, car, home
    assert profile.counts.tolist() == [1, 0, 300, 99]
    window = profile.of(np.array(["car", "boat", "plane", "", "plane"], dtype=object))
    assert window.counts.tolist() == [3, 1, 1, 0]
    assert (window.new, window.missing, window.rows) == (2, 1, 5)


@given(numbers, numbers, numbers)
def test_parts_of_a_number_add_up_to_the_whole(reference, one, other):
    profile = NumberProfile.fit(reference, CODES)
    whole, added = profile.of(np.concatenate([one, other])), profile.of(one) + profile.of(other)
    assert added.counts.tolist() == whole.counts.tolist()
    assert added.sums == pytest.approx(whole.sums)
    assert added.squares == pytest.approx(whole.squares)
    assert (added.lowest, added.highest) == (whole.lowest, whole.highest)


@given(texts, texts, texts)
def test_parts_of_a_category_add_up_to_the_whole(reference, one, other):
    profile = CategoryProfile.fit(reference)
    whole, added = profile.of(np.concatenate([one, other])), profile.of(one) + profile.of(other)
    assert added.counts.tolist() == whole.counts.tolist()
    assert added.new == whole.new


@given(numbers, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(values, random):
    shuffled = values.tolist()
    random.shuffle(shuffled)
    profile = NumberProfile.fit(values, CODES)
    assert profile.of(np.array(shuffled, dtype=float)).counts.tolist() == profile.counts.tolist()


@given(numbers, numbers)
def test_counts_are_those_of_each_value_looked_up(reference, window):
    profile = NumberProfile.fit(reference, CODES)
    places = profile.grid.partition.index(window)
    expected = np.bincount(places, minlength=len(profile.counts))
    assert profile.of(window).counts.tolist() == expected.tolist()


@given(numbers, st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_the_order_of_rows_to_the_last_bit(values, random):
    shuffled = values.tolist()
    random.shuffle(shuffled)
    one = NumberProfile.fit(values, CODES)
    other = NumberProfile.fit(np.array(shuffled, dtype=float), CODES)
    assert (one.origin, one.squares) == (other.origin, other.squares)
    assert one.sums.tolist() == other.sums.tolist()


def test_several_codes_stand_apart_from_values_and_from_each_other():
    profile = NumberProfile.fit(np.array([-2.0, 3.0, -1.0, -2.0, 0.0, np.nan, 1.0]), (0, -2, -1))
    assert profile.grid.codes == (-2, -1, 0)
    assert profile.kinds.tolist() == [1, 2, 1, 1, 2]
    assert profile.sums[:4].tolist() == [0, -4, -1, 0]
    assert profile.of(np.array([-0.0, -2.0])).kinds.tolist() == [0, 1, 0, 1, 0]


def test_infinite_values_lie_in_the_outer_bins():
    profile = NumberProfile.fit(np.arange(100.0))
    window = profile.of(np.array([np.inf, -np.inf, np.nan]))
    assert (window.ordinary[0], window.ordinary[-1], window.missing) == (1, 1, 1)
    assert np.isfinite(window.sums).all()


@given(texts, texts)
def test_a_category_from_counts_is_that_from_rows(reference, window):
    def counts(values):
        levels, rows = np.unique(values.astype(str), return_counts=True)
        return dict(zip(levels.tolist(), rows.tolist(), strict=True))

    by_rows, by_counts = (
        CategoryProfile.fit(reference),
        CategoryProfile.fit_counts(counts(reference)),
    )
    assert (by_rows.levels, by_rows.known) == (by_counts.levels, by_counts.known)
    one, other = by_rows.of(window), by_counts.of_counts(counts(window))
    assert (one.counts.tolist(), one.new) == (other.counts.tolist(), other.new)
