"""Vintages: which rows belong together, and that each is measured as it is alone."""

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest

from credit.performance import measure
from credit.vintages import by_vintage, period

MEASURE = partial(measure, baseline=None, threshold=0.5, fewest_rows=2, samples=20, seed=1)
AT = [datetime(2026, month, 5, tzinfo=UTC) for month in (4, 1, 3, 4, 1)]
BAD = np.array([1, 0, 1, 0, 1], dtype=np.int8)
PROBABILITY = np.array([0.4, 0.1, 0.9, 0.2, 0.3])


@pytest.mark.parametrize(
    ("length", "counted"),
    [
        ("month", {"2026-01": (2, 1), "2026-03": (1, 1), "2026-04": (2, 1)}),
        ("quarter", {"2026-Q1": (3, 2), "2026-Q2": (2, 1)}),
    ],
)
def test_each_period_has_its_rows(length, counted):
    found = by_vintage(AT, BAD, PROBABILITY, length, MEASURE)
    assert {
        each.period: (each.performance.rows, each.performance.bads) for each in found
    } == counted
    assert [each.period for each in found] == sorted(counted)


def test_a_vintage_is_measured_as_it_is_alone():
    first, *_ = by_vintage(AT, BAD, PROBABILITY, "month", MEASURE)
    assert first.performance == MEASURE(BAD[[1, 4]], PROBABILITY[[1, 4]])


def test_no_rows_are_no_vintages():
    assert by_vintage([], np.empty(0, np.int8), np.empty(0), "month", MEASURE) == ()


def test_a_year_has_four_quarters():
    names = [period(datetime(2026, month, 1, tzinfo=UTC), "quarter") for month in range(1, 13)]
    assert names == [f"2026-Q{quarter}" for quarter in (1, 2, 3, 4) for _ in range(3)]
