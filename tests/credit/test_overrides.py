"""Overrides, counted by hand."""

import numpy as np

from credit.intervals import wilson
from credit.overrides import NO_VERDICT, overrides


def texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


def test_by_hand():
    model = texts("approve", "approve", "approve", "decline", "decline", "review", "review")
    people = texts(NO_VERDICT, "decline", "approve", "approve", NO_VERDICT, "approve", NO_VERDICT)
    found = overrides(model, people)
    assert (found.decided, found.overridden, found.referred) == (5, 2, 2)
    assert (found.rate.value, found.rate.low, found.rate.high) == (0.4, *wilson(2, 5))
    assert found.to_decline.value == 1 / 3
    assert found.to_approve.value == 1 / 2
    assert found.reviewed.value == 1 / 2
    assert found.approved.value == 1.0


def test_nothing_to_take_a_share_of_is_none_and_not_0():
    found = overrides(texts("review"), texts(NO_VERDICT))
    assert (found.rate, found.to_approve, found.to_decline, found.approved) == (None,) * 4
    assert found.reviewed.value == 0.0
    assert overrides(texts(), texts()).rate is None
