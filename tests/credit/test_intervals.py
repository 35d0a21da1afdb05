import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from credit.intervals import newcombe, wilson


@pytest.mark.parametrize(("events", "rows"), [(0, 30), (3, 40), (17, 17), (250, 1000)])
def test_the_interval_is_wilson_s(events, rows):
    expected = binomtest(events, rows).proportion_ci(method="wilson")
    assert wilson(events, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 3_000), st.floats(0, 1))
def test_it_holds_the_share(rows, share):
    events = round(share * rows)
    low, high = wilson(events, rows)
    assert 0 <= low <= events / rows <= high <= 1


@pytest.mark.parametrize("rows", [7, 30, 41, 97, 1_001])
def test_none_or_all_are_ends_of_it(rows):
    assert wilson(0, rows)[0] == 0.0
    assert wilson(rows, rows)[1] == 1.0


def test_without_rows_a_share_may_be_anything():
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    # Newcombe (1998), table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20
    [
        ((56, 70), (48, 80), (0.2, 0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.6, 0.1705, 0.8090)),
        ((10, 10), (0, 20), (1.0, 0.6791, 1.0)),
    ],
)
def test_the_difference_is_newcombe_s(now, before, expected):
    found = newcombe(*before, *now)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=5e-5)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(50, 90), st.integers(50, 90))
def test_turned_round_it_changes_sign(before, now, rows_before, rows_now):
    there, back = (
        newcombe(before, rows_before, now, rows_now),
        newcombe(now, rows_now, before, rows_before),
    )
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low)
    )
    assert there.low <= there.value <= there.high
