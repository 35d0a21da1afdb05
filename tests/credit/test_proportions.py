"""Wilson's interval, against SciPy's."""

import pytest
from scipy.stats import binomtest

from credit.proportions import wilson


@pytest.mark.parametrize(("bads", "rows"), [(0, 30), (3, 40), (17, 17), (250, 1000)])
def test_the_interval_is_wilsons(bads, rows):
    expected = binomtest(bads, rows).proportion_ci(method="wilson")
    assert wilson(bads, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_rows_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)
