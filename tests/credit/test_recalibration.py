from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from credit.features import from_fields, from_many
from credit.recalibration import RecalibrationError, intercept, moved, moved_graph
from credit.scoring import Scorer
from tests import tiny


def test_as_many_bads_are_expected_as_there_were():
    probability = np.array([0.1, 0.2, 0.3, 0.4])
    bad = np.array([1, 0, 1, 0], dtype=np.int8)
    shift = intercept(probability, bad)
    assert moved(probability, shift.value).sum() == pytest.approx(2)
    assert shift.low < shift.value < shift.high


def test_the_interval_is_that_of_the_logit_of_a_share():
    """With equal probabilities it is the textbook's: 1.96 / sqrt(n p (1 - p))."""
    bad = np.array([1] * 30 + [0] * 70, dtype=np.int8)
    shift = intercept(np.full(100, 0.5), bad)
    assert shift.value == pytest.approx(logit(0.3))
    assert shift.high - shift.value == pytest.approx(1.959964 / np.sqrt(100 * 0.3 * 0.7), rel=1e-6)


@pytest.mark.parametrize("bads", [0, 5])
def test_outcomes_of_one_kind_say_nothing_of_an_intercept(bads):
    bad = np.array([1] * bads + [0] * (5 - bads), dtype=np.int8)
    with pytest.raises(RecalibrationError, match=f"{bads} of 5 rows are bad"):
        intercept(np.full(5, 0.2), bad)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50), st.floats(-3, 3))
def test_moving_keeps_the_order(probabilities, shift):
    values = np.sort(np.array(probabilities))
    assert (np.diff(moved(values, shift)) >= 0).all()


@pytest.mark.parametrize("shift", [-0.7, 0.0, 1.3])
def test_the_graph_answers_what_the_formula_says(shift):
    dates = {
        name: date.fromisoformat(str(tiny.APPLICATION[name])) for name in ("applied", "opened")
    }
    known = {**tiny.APPLICATION, **dates}
    rows = [{**known, "amount": amount} for amount in (100.0, 5000.0, 90_000.0)]
    applications = from_many([*rows, {}], tiny.SCHEMA)
    graph = tiny.graph()
    before = Scorer(tiny.SCHEMA, graph).probabilities(applications)
    after = Scorer(tiny.SCHEMA, moved_graph(graph, shift)).probabilities(applications)
    assert after == pytest.approx(expit(logit(before) + shift), abs=3e-6)


def test_a_graph_may_be_moved_again_and_again():
    graph = tiny.graph()
    for shift in (0.5, -0.2, 0.1):
        graph = moved_graph(graph, shift)
    one = from_fields({}, tiny.SCHEMA)
    before = Scorer(tiny.SCHEMA, tiny.graph()).probabilities(one)
    assert Scorer(tiny.SCHEMA, graph).probabilities(one) == pytest.approx(
        expit(logit(before) + 0.4), abs=3e-6
    )
