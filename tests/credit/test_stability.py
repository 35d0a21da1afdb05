"""PSI by hand, its expectation, and what moves when a column is moved."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.distances import expected_psi, psi
from credit.features import Features
from credit.stability import Stability, by_vintage, number_shift, stability
from tests import awkward


@pytest.fixture(scope="module")
def development():
    return awkward.development()


def test_psi_by_hand():
    # Shares (49.5 + 0.5) / 100 each against (79.5 + 0.5) / 100 and (19.5 + 0.5) / 100.
    expected = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)
    assert psi(np.array([49.5, 49.5]), np.array([79.5, 19.5])) == pytest.approx(expected, abs=1e-15)


counts = st.lists(st.integers(0, 1000), min_size=5, max_size=5).map(np.array)


@given(counts, counts)
def test_psi_is_symmetric_not_negative_and_finite(before, now):
    assert 0 <= psi(before, now) < np.inf
    assert psi(before, now) == pytest.approx(psi(now, before), abs=1e-12)
    assert psi(before, before) == 0.0


def test_without_drift_psi_is_its_expectation_on_average():
    draw = np.random.default_rng(1)
    drawn = draw.multinomial([2000, 500], [0.1] * 10, size=(3000, 2))
    mean = np.mean([psi(before, now) for before, now in drawn])
    assert mean == pytest.approx(expected_psi(10, 2000, 500), rel=0.05)


def test_the_reference_fills_ten_bins_equally():
    found = number_shift("x", np.arange(1000.0), np.arange(500.0))
    assert [each.reference for each in found.bins] == pytest.approx([0.1] * 10)
    assert [each.current for each in found.bins] == pytest.approx([0.2] * 5 + [0.0] * 5)
    assert found.bins[0].label == "below 100"
    assert found.excess == pytest.approx(found.psi - expected_psi(10, 1000, 500))


def test_missing_values_and_special_codes_have_bins_of_their_own():
    before = np.array([np.nan, -9.0, 1.0, 1.0])
    now = np.array([np.nan, np.nan, -9.0, 1.0])
    found = number_shift("x", before, now, {-9.0: "no record"})
    assert [(each.label, each.reference, each.current) for each in found.bins] == [
        ("missing", 0.25, 0.5),
        ("no record (-9)", 0.25, 0.25),
        ("any value", 0.5, 0.25),
    ]


def test_a_moved_column_comes_first(development):
    train, test = development.train.features, development.test.features
    numbers = test.numbers.copy()
    numbers[:, 0] *= 3
    codes = test.codes.copy()
    codes[:, 1] = 0
    score = np.linspace(0, 1, len(train))
    calm = stability(development.feature_map, train, test, score, score)
    moved = stability(development.feature_map, train, Features(numbers, codes), score, score**2)
    names = development.feature_map.schema.number_features
    assert {shift.name for shift in moved.columns} == {*names, "home", "region"}
    assert {shift.name for shift in moved.columns[:2]} == {"income", "region"}
    assert min(shift.excess for shift in moved.columns[:2]) > 0.25
    assert max(shift.excess for shift in calm.columns) < 0.1
    assert calm.score.psi == 0.0
    assert moved.score.psi > 0.1
    assert Stability.model_validate_json(moved.model_dump_json()) == moved


def test_vintages_are_quarters_of_a_short_history_and_years_of_a_long_one():
    bad = np.array([0, 1, 1], dtype=np.int8)
    score = np.array([0.1, 0.3, 0.5])
    short = pd.Series(pd.to_datetime(["2023-11-30", "2024-01-01", "2024-03-31"]))
    found = by_vintage(short, bad, score, score)
    assert [(each.period, each.rows, each.bad_rate) for each in found] == [
        ("2023Q4", 1, 0.0),
        ("2024Q1", 2, 1.0),
    ]
    assert found[1].mean_pd == pytest.approx(0.4)
    long = pd.Series(pd.to_datetime(["2007-06-01", "2011-12-01", "2011-01-01"]))
    assert [each.period for each in by_vintage(long, bad, score, score)] == ["2007", "2011"]
