"""Metrics against hand-computed cases and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
    root_mean_squared_error,
)

from credit import metrics
from credit.metrics import (
    RANGES,
    Interval,
    basic_interval,
    calibration_curve,
    evaluate,
    point_estimates,
)


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


def test_classification_by_hand():
    # Called bad from 0.3 on: two bads and one good of five rows.
    bad = np.array([0, 0, 0, 1, 1], dtype=np.int8)
    metrics = point_estimates(bad, np.array([0.1, 0.2, 0.3, 0.3, 0.9]), threshold=0.3)
    assert metrics["accuracy"] == pytest.approx(4 / 5)
    assert metrics["majority_accuracy"] == pytest.approx(3 / 5)
    assert metrics["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    # The first bad is found at precision 1, the second, tied with a good, at 2/3.
    assert metrics["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)


def test_calling_no_row_bad_has_an_f1_of_zero_and_the_majority_s_accuracy():
    metrics = point_estimates(np.array([0, 0, 0, 1], dtype=np.int8), np.full(4, 0.2))
    assert metrics["f1"] == 0.0
    assert metrics["accuracy"] == metrics["majority_accuracy"] == 0.75


@st.composite
def scored(draw):
    count = draw(st.integers(10, 120))
    bad = draw(
        st.lists(st.integers(0, 1), min_size=count, max_size=count).filter(
            lambda b: 0 < sum(b) < len(b)
        )
    )
    grid = draw(st.sampled_from([1, 5, 50, 10_000]))
    steps = draw(st.lists(st.integers(0, grid), min_size=count, max_size=count))
    return np.array(bad, dtype=np.int8), np.array(steps) / grid


@settings(max_examples=100, deadline=None)
@given(scored(), st.sampled_from([0.2, 0.5, 0.8]))
def test_estimates_agree_with_reference_libraries(case, threshold):
    bad, probability = case
    called = probability >= threshold
    auc = roc_auc_score(bad, probability)
    brier = brier_score_loss(bad, probability)
    goods, bads = probability[bad == 0], probability[bad == 1]
    expected = {
        "auc": auc,
        "gini": 2 * auc - 1,
        "ks": ks_2samp(bads, goods, method="asymp").statistic,
        "pr_auc": average_precision_score(bad, probability),
        "brier": brier,
        "rmse": root_mean_squared_error(bad, probability),
        "log_loss": log_loss(bad, probability),
        "accuracy": accuracy_score(bad, called),
        "majority_accuracy": max(bad.mean(), 1 - bad.mean()),
        "f1": f1_score(bad, called, zero_division=0.0),
    }
    found = point_estimates(bad, probability, threshold)
    assert found.keys() - expected.keys() == {
        "calibration_error",
        "calibration_slope",
        "calibration_intercept",
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


@settings(max_examples=50, deadline=None)
@given(scored(), st.integers(0, 99))
def test_a_weight_is_a_repetition(case, seed):
    """Resampling by weights is the same as copying rows."""
    bad, probability = case
    copies = np.random.default_rng(seed).integers(0, 4, len(bad))
    drawn = np.repeat(np.arange(len(bad)), copies)
    assume(0 < bad[drawn].sum() < len(drawn))
    ranked = metrics._ranked(bad, probability, 0.5)
    order = np.argsort(probability, kind="stable")
    weighted = metrics._metrics(ranked, copies[order].astype(float))
    copied = point_estimates(bad[drawn], probability[drawn])
    for name in ("auc", "ks", "pr_auc", "brier", "log_loss", "accuracy", "f1"):
        assert weighted[name] == pytest.approx(copied[name], abs=1e-12), name


def test_values_and_intervals_come_with_the_same_estimates():
    draw = np.random.default_rng(4)
    probability = draw.random(300)
    bad = (draw.random(300) < probability).astype(np.int8)
    intervals = evaluate(bad, probability, samples=5, seed=0, threshold=0.4)
    assert {name: each.value for name, each in intervals.items()} == point_estimates(
        bad, probability, 0.4
    )


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


@pytest.mark.parametrize(
    ("value", "draws"), [(math.nan, [0.1, 0.2]), (0.15, [0.1, math.nan]), (math.nan, [math.nan])]
)
def test_what_is_not_a_number_has_no_bounds_that_a_gate_would_let_pass(value, draws):
    for limits in ((0.0, 1.0), (-math.inf, math.inf)):
        interval = basic_interval(value, draws, *limits)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
