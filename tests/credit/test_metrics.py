"""Metrics against hand-computed cases and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from credit.metrics import RANGES, Interval, calibration_curve, evaluate


def test_four_rows_by_hand():
    bad = np.array([0, 0, 1, 1], dtype=np.int8)
    metrics = evaluate(bad, np.array([0.1, 0.4, 0.35, 0.8]), samples=5, seed=0)
    assert metrics["auc"].value == 0.75
    assert metrics["gini"].value == 0.5
    assert metrics["ks"].value == 0.5
    assert metrics["brier"].value == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)


def test_ties_count_half():
    bad = np.array([0, 1, 0, 1], dtype=np.int8)
    assert evaluate(bad, np.full(4, 0.5), samples=5, seed=0)["auc"].value == 0.5


@st.composite
def scored(draw):
    count = draw(st.integers(10, 120))
    bad = draw(
        st.lists(st.integers(0, 1), min_size=count, max_size=count).filter(
            lambda b: 0 < sum(b) < len(b)
        )
    )
    grid = draw(st.sampled_from([5, 50, 10_000]))
    steps = draw(st.lists(st.integers(1, grid - 1), min_size=count, max_size=count))
    return np.array(bad, dtype=np.int8), np.array(steps) / grid


@settings(max_examples=100, deadline=None)
@given(scored())
def test_estimates_agree_with_reference_libraries(case):
    bad, probability = case
    metrics = evaluate(bad, probability, samples=2, seed=0)
    assert metrics["auc"].value == pytest.approx(roc_auc_score(bad, probability), abs=1e-12)
    assert metrics["brier"].value == pytest.approx(brier_score_loss(bad, probability), abs=1e-12)
    assert metrics["log_loss"].value == pytest.approx(log_loss(bad, probability), abs=1e-12)
    expected_ks = ks_2samp(probability[bad == 1], probability[bad == 0], method="asymp").statistic
    assert metrics["ks"].value == pytest.approx(expected_ks, abs=1e-12)


def test_calibration_slope_and_intercept_are_those_of_logistic_regression():
    draw = np.random.default_rng(0)
    probability = expit(draw.normal(-1, 1, 5000))
    bad = (draw.random(5000) < expit(0.7 * logit(probability) + 0.2)).astype(np.int8)
    metrics = evaluate(bad, probability, samples=200, seed=1)
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(probability)[:, None], bad)
    assert metrics["calibration_slope"].value == pytest.approx(reference.coef_[0, 0], abs=1e-4)
    assert metrics["calibration_intercept"].value == pytest.approx(
        reference.intercept_[0], abs=1e-4
    )
    assert metrics["calibration_slope"].low < 0.7 < metrics["calibration_slope"].high


def test_calibration_error_by_hand():
    # Ten bins of one row each: the mean of |label - probability|.
    bad = np.array([0, 1] * 5, dtype=np.int8)
    probability = np.linspace(0.05, 0.95, 10)
    error = evaluate(bad, probability, samples=2, seed=0)["calibration_error"].value
    assert error == pytest.approx(np.abs(bad - probability).mean())


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    draw = np.random.default_rng(7)
    hits = 0
    for seed in range(60):
        probability = expit(draw.normal(size=400))
        bad = (draw.random(400) < probability).astype(np.int8)
        interval = evaluate(bad, probability, samples=200, seed=seed)["auc"]
        # The AUC of N(0, 1) log-odds that are true: 0.7389 by numerical integration.
        hits += interval.low <= 0.7389 <= interval.high
    assert 51 <= hits <= 60


def test_calibration_error_of_honest_probabilities_may_be_nearly_nothing():
    draw = np.random.default_rng(3)
    probability = expit(draw.normal(-1, 1, 6000))
    bad = (draw.random(6000) < probability).astype(np.int8)
    error = evaluate(bad, probability, samples=200, seed=0)["calibration_error"]
    assert error.low < 0.002 < error.value <= error.high


@settings(max_examples=50, deadline=None)
@given(scored())
def test_an_interval_holds_its_estimate_and_stays_in_range(case):
    for name, interval in evaluate(*case, samples=20, seed=0).items():
        assert interval.low <= interval.value <= interval.high
        assert name in RANGES or name.startswith("calibration_")
        if name in RANGES:
            assert RANGES[name][0] <= interval.low
            assert interval.high <= RANGES[name][1]


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least one good and one bad"):
        evaluate(np.zeros(5, dtype=np.int8), np.linspace(0, 1, 5), samples=5, seed=0)


def test_the_same_seed_gives_the_same_interval():
    draw = np.random.default_rng(2)
    probability = draw.random(200)
    bad = (draw.random(200) < probability).astype(np.int8)
    assert evaluate(bad, probability, 50, 9) == evaluate(bad, probability, 50, 9)


def test_calibration_curve_by_hand():
    mean, rate, rows = calibration_curve(
        np.array([0, 0, 1, 1] * 5, dtype=np.int8), np.repeat([0.1, 0.2, 0.8, 0.9], 5)
    )
    assert rows.tolist() == [2.0] * 10
    assert mean[0] == 0.1
    assert mean[-1] == 0.9
    assert rate.sum() == 5.0


def test_an_interval_reads_as_people_write_it():
    assert str(Interval(0.78123, 0.77, 0.79)) == "0.7812 [0.7700, 0.7900]"
