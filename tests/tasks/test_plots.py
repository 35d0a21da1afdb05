import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from credit.metrics import calibration_curve, evaluate
from tasks.plots import _groups, calibration_plot, roc_plot

BAD = np.array([0, 0, 1, 0, 1, 1], dtype=np.int8)
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])


def size(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_plots_are_png_of_a_readable_size():
    for png in (
        roc_plot(BAD, {"A": PROBABILITY, "B": PROBABILITY[::-1]}, "A"),
        calibration_plot(BAD, PROBABILITY, "A"),
    ):
        width, height = size(png)
        assert width >= 600
        assert height >= 600


def test_groups_by_hand():
    """Twenty rows in ten groups: the two lowest are both good, the two highest both bad."""
    probability = np.arange(1, 21) / 21
    bad = (probability > 0.5).astype(np.int8)
    mean, rate, low, high = _groups(bad, probability)
    assert len(mean) == 10
    assert mean[0] == pytest.approx((1 + 2) / 2 / 21)
    assert rate.tolist() == [0.0] * 5 + [1.0] * 5
    # Wilson's interval of 0 in 2: from 0 to z²/(n + z²) = 3.8415/5.8415.
    assert (low[0], high[0]) == pytest.approx((0, 0.6576), abs=1e-4)


def test_groups_give_the_reported_calibration_error():
    generator = np.random.default_rng(5)
    probability = generator.choice([0.02, 0.1, 0.3, 0.8], 997)  # ties across the groups' edges
    bad = (generator.random(997) < probability**1.3).astype(np.int8)
    mean, rate, *_ = _groups(bad, probability)
    rows = calibration_curve(bad, probability)[2]
    error = np.average(np.abs(rate - mean), weights=rows)
    assert error == pytest.approx(evaluate(bad, probability, 20, 1)["calibration_error"].value)


def test_one_probability_for_all_is_plotted():
    assert size(calibration_plot(BAD, np.full(6, 0.5), "constant"))


def test_threads_draw_the_same_plot():
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: calibration_plot(BAD, PROBABILITY, "A"), range(8)))
    assert len(set(drawn)) == 1
