"""Estimates without outcomes: by hand, against drawn outcomes, and where there is nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from credit.estimation import compare_estimate, estimate, expected_auc
from credit.intervals import Interval

SAMPLES = 200


def test_two_rows_by_hand():
    # Bad-good pairs: (0.8 bad, 0.2 good) has chance 0.64 and is in order, the other 0.04 is not.
    assert expected_auc(np.array([0.2, 0.8])) == pytest.approx(0.64 / 0.68)


@pytest.mark.parametrize("probability", [[0.3, 0.3, 0.3], [0.5, 0.5]])
def test_equal_probabilities_rank_nothing(probability):
    assert expected_auc(np.array(probability)) == pytest.approx(0.5)


@pytest.mark.parametrize("probability", [[0.4], [0.0, 0.0], [1.0, 1.0]])
def test_where_no_pair_can_be_there_is_no_auc(probability):
    assert np.isnan(expected_auc(np.array(probability)))
    assert estimate(np.array(probability), 0.5, SAMPLES, seed=1).auc is None


def covered(seed: int) -> list[bool]:
    """Whether each interval holds what outcomes drawn from the probabilities then show."""
    draw = np.random.default_rng(seed)
    p = draw.beta(1, 5, 1_500)
    bad = draw.random(len(p)) < p
    found = estimate(p, 0.3, SAMPLES, seed=1)
    assert found.auc is not None
    seen = {
        found.auc: roc_auc_score(bad, p),
        found.brier: ((bad - p) ** 2).mean(),
        found.accuracy: ((p >= 0.3) == bad).mean(),
        found.bad_rate: bad.mean(),
    }
    return [interval.low <= value <= interval.high for interval, value in seen.items()]


def test_intervals_hold_what_calibrated_outcomes_show():
    """Of 40 windows and 4 measures 95% are expected; they also cover the luck of the rows."""
    assert np.mean([covered(seed) for seed in range(40)]) >= 0.93


def test_a_lost_calibration_is_not_seen():
    """The stated assumption: twice the bads change nothing, for outcomes are not looked at."""
    p = np.linspace(0.01, 0.5, 500)
    assert estimate(p, 0.5, SAMPLES, seed=1) == estimate(p.copy(), 0.5, SAMPLES, seed=1)


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=30))
def test_it_is_the_mean_over_all_pairs(probabilities):
    p = np.array(probabilities)
    chance = p[:, None] * (1 - p[None, :]) * ~np.eye(len(p), dtype=bool)
    order = (p[:, None] > p[None, :]) + 0.5 * (p[:, None] == p[None, :])
    assert expected_auc(p) == pytest.approx(float((chance * order).sum() / chance.sum()))


def test_without_rows_there_is_no_estimate():
    with pytest.raises(ValueError, match="needs rows"):
        estimate(np.empty(0), 0.5, SAMPLES, seed=1)


def test_an_estimate_is_held_against_what_came_of_its_rows():
    p = np.array([0.1, 0.2, 0.3, 0.6])
    made = estimate(p, 0.5, SAMPLES, seed=1)
    bad = np.array([0, 0, 0, 1], dtype=np.int8)
    found = {
        each.measure: each
        for each in compare_estimate(made, {"auc": Interval(0.7, 0.6, 0.8)}, bad, p, 0.5)
    }
    assert set(found) == {"auc", "brier", "accuracy", "bad_rate"}
    auc = found["auc"]
    assert auc.realised == 1.0
    assert auc.error == pytest.approx(expected_auc(p) - 1.0)
    assert auc.assumed_error == pytest.approx(-0.3)
    assert found["bad_rate"].realised == 0.25
    assert found["bad_rate"].error == pytest.approx(0.3 - 0.25)
    assert found["bad_rate"].assumed_error is None
    assert found["brier"].held == (made.brier.low <= found["brier"].realised <= made.brier.high)


def test_rows_that_are_all_good_rank_nothing():
    p = np.array([0.1, 0.2])
    made = estimate(p, 0.5, SAMPLES, seed=1)
    assert compare_estimate(made, {}, np.zeros(2, dtype=np.int8), p, 0.5) == ()
