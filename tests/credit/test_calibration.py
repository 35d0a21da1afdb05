"""Calibrators rise strictly, fit, and agree with their graph."""

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from credit.calibration import Platt, SmoothedIsotonic, calibrate, emit_probability, probability
from credit.graph import Graph


def sample(count: int, slope: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    margin = draw.normal(-1, 1.5, count)
    return margin, (draw.random(count) < expit(slope * margin - 0.3)).astype(np.int8)


def test_few_bads_give_platt_and_many_a_bend():
    margin, bad = sample(4000)
    assert isinstance(calibrate(margin, bad, "log-odds", 100_000), Platt)
    assert isinstance(calibrate(margin, bad, "log-odds", 500), SmoothedIsotonic)


def test_platt_finds_the_line_that_unpenalised_logistic_regression_finds():
    margin, bad = sample(20_000)
    platt = calibrate(margin, bad, "log-odds", 100_000)
    reference = LogisticRegression(C=np.inf).fit(margin[:, None], bad)
    # Platt's targets are a hair inside 0 and 1, so the two agree only nearly.
    assert platt.slope == pytest.approx(reference.coef_[0, 0], abs=2e-3)
    assert platt.intercept == pytest.approx(reference.intercept_[0], abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["log-odds", "probability"]))
def test_a_higher_margin_is_a_higher_probability(seed, scale):
    margin, bad = sample(800, slope=0.2, seed=seed)
    if scale == "probability":
        margin = expit(margin)
    calibrator = calibrate(margin, bad, scale, 10)
    low, high = (1e-4, 1 - 1e-4) if scale == "probability" else (-12.0, 12.0)
    probabilities = probability(calibrator, np.linspace(low, high, 2000))
    assert (np.diff(probabilities) > 0).all()


@pytest.mark.parametrize("scale", ["log-odds", "probability"])
@pytest.mark.parametrize("fewest_bads", [10, 100_000])
def test_the_graph_gives_the_same_probability(scale, fewest_bads):
    margin, bad = sample(3000)
    margin = expit(margin) if scale == "probability" else margin
    calibrator = calibrate(margin, bad, scale, fewest_bads)
    graph = Graph()
    tensor = emit_probability(graph, calibrator, graph.input("margin", ("rows", 1)))
    session = ort.InferenceSession(graph.build(graph.named("p", tensor), ("rows", 1)))
    edges = np.array([0.0, 1.0, 0.5]) if scale == "probability" else np.array([-40.0, 40.0, 0.0])
    tried = np.concatenate([margin, edges])
    (served,) = session.run(["p"], {"margin": tried[:, None]})
    np.testing.assert_allclose(served[:, 0], probability(calibrator, tried), atol=1e-12)


def test_a_bend_calibrates_what_a_line_cannot():
    draw = np.random.default_rng(5)
    margin = draw.uniform(-3, 3, 40_000)
    truth = np.where(margin < 0, 0.05, 0.05 + 0.15 * margin)
    bad = (draw.random(40_000) < truth).astype(np.int8)

    def error(fewest_bads: int) -> float:
        fitted = probability(calibrate(margin, bad, "log-odds", fewest_bads), margin)
        return float(np.abs(fitted - truth).mean())

    assert error(10) < 0.5 * error(10**9)


def test_margins_in_a_heap_are_not_blown_up():
    draw = np.random.default_rng(8)
    margin = np.concatenate([draw.uniform(-0.001, 0.001, 16_000), draw.normal(0, 2, 4000)])
    bad = (draw.random(20_000) < expit(margin - 1)).astype(np.int8)
    calibrator = calibrate(margin, bad, "log-odds", 10)
    steps = np.linspace(-3, 3, 100_001)
    log_odds = calibrator.log_odds(steps)
    assert (np.diff(log_odds) / np.diff(steps)).max() <= 20.001


def test_a_useless_margin_still_gives_a_rising_map():
    margin, bad = sample(500)
    calibrator = calibrate(-margin, bad, "log-odds", 10**9)
    assert calibrator.slope > 0
