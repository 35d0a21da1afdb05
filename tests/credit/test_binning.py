"""Weight-of-evidence bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.binning import bin_codes, bin_number, weight_of_evidence


def test_evidence_is_the_log_ratio_of_shares():
    # Half a count is added to each bin: bads 30.5 of 41, goods 30.5 of 121.
    evidence = weight_of_evidence(np.array([30.0, 10.0]), np.array([30.0, 90.0]))
    assert evidence == pytest.approx(
        [np.log(30.5 / 41 / (30.5 / 121)), np.log(10.5 / 41 / (90.5 / 121))]
    )


def test_two_plateaus_give_two_bins():
    values = np.repeat([1.0, 2.0, 3.0, 4.0], 100)
    bad = np.concatenate([np.arange(200) % 10 == 0, np.arange(200) % 2 == 0]).astype(np.int8)
    bins = bin_number(values, bad, (), None)
    assert bins.edges.tolist() == [3.0]
    assert bins.evidence[1] < 0 < bins.evidence[2]


def test_missing_and_special_values_have_bins_of_their_own():
    values = np.concatenate([np.full(200, np.nan), np.full(200, -9.0), np.arange(400.0)])
    bad = np.concatenate([np.ones(150), np.zeros(50), np.zeros(200), np.arange(400) % 4 == 0])
    bins = bin_number(values, bad.astype(np.int8), (-9.0,), None)
    missing, special, ordinary = bins.transform(np.array([np.nan, -9.0, 100.0]))
    assert missing > ordinary > special
    assert bins.special.tolist() == [-9.0]


def test_a_missing_value_never_seen_says_nothing():
    bins = bin_number(np.arange(100.0), (np.arange(100) % 3 == 0).astype(np.int8), (), None)
    assert bins.transform(np.array([np.nan])).tolist() == [0.0]


def test_empty_and_constant_columns_give_one_bin():
    bad = (np.arange(100) % 3 == 0).astype(np.int8)
    assert bin_number(np.full(100, np.nan), bad, (), None).edges.size == 0
    assert bin_number(np.full(100, 5.0), bad, (), None).edges.size == 0


@pytest.mark.parametrize("direction", ["increasing", "decreasing"])
def test_a_declared_direction_holds(direction):
    draw = np.random.default_rng(3)
    values = draw.normal(size=3000)
    bad = (draw.random(3000) < 0.3 + 0.2 * np.sin(3 * values)).astype(np.int8)
    evidence = bin_number(values, bad, (), direction).evidence[1:]
    steps = np.diff(evidence)
    assert (steps > 0).all() if direction == "increasing" else (steps < 0).all()


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.booleans()), min_size=30, max_size=200),
    st.randoms(use_true_random=False),
)
def test_bins_do_not_depend_on_the_order_of_rows(pairs, random):
    def bins(rows):
        values = np.array([float(value) for value, _ in rows])
        return bin_number(values, np.array([bad for _, bad in rows], dtype=np.int8), (), None)

    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, other = bins(pairs), bins(shuffled)
    assert one.edges.tolist() == other.edges.tolist()
    np.testing.assert_allclose(one.evidence, other.evidence, atol=1e-12)


def test_codes_that_never_occur_say_nothing():
    codes = np.array([1, 1, 2, 2] * 50)
    bad = np.array([1, 0, 0, 0] * 50, dtype=np.int8)
    evidence = bin_codes(codes, bad, 4)
    assert evidence[0] == evidence[3] == 0.0
    assert evidence[1] > 0 > evidence[2]
