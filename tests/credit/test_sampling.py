from hypothesis import given
from hypothesis import strategies as st

from credit.sampling import drawn, evenly_spaced


def test_sample_is_sorted_and_repeatable():
    rows = drawn(1000, 50, 3)
    assert len(set(rows.tolist())) == 50
    assert rows.tolist() == sorted(rows.tolist())
    assert rows.tolist() == drawn(1000, 50, 3).tolist()
    assert drawn(5, 50, 3).tolist() == [0, 1, 2, 3, 4]


@given(st.integers(0, 3000), st.integers(1, 500))
def test_evenly_spaced_rows_are_distinct_ascending_and_reach_both_ends(rows, most):
    chosen = evenly_spaced(rows, most)
    gaps = (chosen[1:] - chosen[:-1]).tolist()
    assert len(chosen) == min(rows, most)
    if rows:
        longest = -(-rows // len(chosen))
        assert all(longest - 1 <= gap <= longest for gap in gaps)
        assert 0 <= chosen[0] <= longest / 2
        assert rows - 1 - longest / 2 <= chosen[-1] < rows
