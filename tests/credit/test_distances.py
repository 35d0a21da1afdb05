from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, entropy, ks_2samp, wasserstein_distance

from credit.distances import (
    chi_square,
    excess_psi,
    jensen_shannon,
    kolmogorov_smirnov,
    kolmogorov_smirnov_of_counts,
    psi,
    wasserstein,
    wasserstein_of_counts,
)

TO_THE_NINTH = 1e-9

values = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, allow_nan=False, width=32))
samples = st.lists(values, min_size=1, max_size=60).map(lambda v: np.sort(np.array(v, dtype=float)))


@st.composite
def tables(draw):
    bins = draw(st.integers(2, 12))
    counts = st.integers(0, 1000).map(float)
    return tuple(draw(arrays(float, bins, elements=counts)) for _ in range(2))


@given(samples, samples)
def test_kolmogorov_smirnov_is_scipys(reference, window):
    found = kolmogorov_smirnov(reference, window)
    expected = ks_2samp(reference, window, method="asymp")
    assert found.statistic == pytest.approx(expected.statistic, abs=TO_THE_NINTH)
    if min(len(reference), len(window)) < 2:
        assert found.p_value == 1.0
    else:
        assert found.p_value == pytest.approx(expected.pvalue, abs=TO_THE_NINTH)


@given(samples, samples)
def test_wasserstein_is_scipys(reference, window):
    expected = wasserstein_distance(reference, window)
    assert wasserstein(reference, window) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(tables())
def test_chi_square_is_scipys(table):
    reference, window = table
    filled = reference + window > 0
    if filled.sum() < 2 or not reference.sum() or not window.sum():
        assert chi_square(reference, window).p_value == 1.0
        return
    expected = chi2_contingency(np.stack(table)[:, filled], correction=False)
    found = chi_square(reference, window)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=TO_THE_NINTH)


@given(tables())
def test_jensen_shannon_is_scipys(table):
    reference, window = table
    found = jensen_shannon(reference, window)
    if not reference.sum() or not window.sum():
        assert isnan(found)
    else:
        # The root of a rounding error of 1e-16 is 1e-8.
        assert found**2 == pytest.approx(jensenshannon(reference, window, 2) ** 2, abs=TO_THE_NINTH)


def test_bins_that_nobody_is_in_do_not_count():
    reference, window = np.array([60.0, 40.0]), np.array([30.0, 70.0])
    padded = [np.append(counts, [0.0, 0.0]) for counts in (reference, window)]
    assert excess_psi(*padded) == excess_psi(reference, window) > 0


@given(tables())
def test_equal_counts_are_no_distance(table):
    counts, _ = table
    assert excess_psi(counts, counts) == 0
    assert chi_square(counts, counts).statistic == 0
    assert kolmogorov_smirnov_of_counts(counts, counts).statistic == 0
    if counts.sum():
        assert jensen_shannon(counts, counts) == 0


@given(
    samples, samples, st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=5, unique=True)
)
def test_from_counts_it_misses_at_most_a_bin(reference, window, edges):
    ascending = np.sort(np.array(edges))
    counts = [
        np.bincount(np.searchsorted(ascending, s), minlength=len(edges) + 1).astype(float)
        for s in (reference, window)
    ]
    exact = kolmogorov_smirnov(reference, window).statistic
    coarse = kolmogorov_smirnov_of_counts(*counts).statistic
    fullest = max(float((c / c.sum()).max()) for c in counts)
    assert exact - fullest - 1e-12 <= coarse <= exact + 1e-12


@given(
    samples,
    samples,
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=5, unique=True),
    st.floats(0, 1),
)
def test_wasserstein_from_counts_is_off_by_at_most_the_width_of_bins(
    reference, window, edges, share
):
    ascending = np.sort(np.array(edges))
    bins = len(edges) + 1
    both = np.concatenate([reference, window])
    places = np.searchsorted(ascending, both)
    lowest, highest = np.zeros(bins), np.zeros(bins)
    for position in range(bins):
        inside = both[places == position]
        if len(inside):
            lowest[position], highest[position] = inside.min(), inside.max()
    counts = [
        np.bincount(np.searchsorted(ascending, s), minlength=bins).astype(float)
        for s in (reference, window)
    ]
    width = highest - lowest
    bound = sum(float((c / c.sum() * width).sum()) for c in counts)
    found = wasserstein_of_counts(*counts, lowest + width * share)
    assert abs(found - wasserstein(reference, window)) <= bound * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("empty", ["reference", "window"])
def test_a_side_without_values_is_no_evidence(empty):
    sides = {"reference": np.array([1.0, 2.0]), "window": np.array([1.0, 2.0])}
    sides[empty] = np.empty(0)
    assert kolmogorov_smirnov(**sides).p_value == 1.0
    assert isnan(wasserstein(**sides))
    counts = {side: np.full(2, float(len(values))) for side, values in sides.items()}
    assert excess_psi(**counts) == 0.0
    assert chi_square(**counts).p_value == 1.0
    assert isnan(jensen_shannon(**counts))


@given(tables())
def test_psi_is_the_divergence_both_ways_of_scipy(table):
    before, now = ((counts + 0.5) / (counts + 0.5).sum() for counts in table)
    expected = entropy(before, now) + entropy(now, before)
    assert psi(*table) == pytest.approx(expected, abs=TO_THE_NINTH)


def test_what_evidently_computes_alike_agrees():
    """Its Smirnov is asymptotic from 10,001 rows on; its Wasserstein is in standard deviations."""
    from evidently.legacy.calculations.stattests import (
        jensenshannon_stat_test,
        ks_stat_test,
        wasserstein_stat_test,
    )

    draw = np.random.default_rng(2)
    before, now = np.sort(draw.normal(size=12_000)), np.sort(draw.normal(0.02, 1.01, 11_000))
    sides = pd.Series(before), pd.Series(now)
    smirnov = ks_stat_test(*sides, "num", None).drift_score
    assert kolmogorov_smirnov(before, now).p_value == pytest.approx(smirnov, abs=TO_THE_NINTH)
    way = wasserstein_stat_test(*sides, "num", None).drift_score
    assert wasserstein(before, now) / before.std() == pytest.approx(way, abs=TO_THE_NINTH)
    counts = np.array([700.0, 200.0, 100.0]), np.array([300.0, 500.0, 200.0])
    levels = [pd.Series(np.repeat(["a", "b", "c"], side.astype(int))) for side in counts]
    nats = jensenshannon_stat_test(*levels, "cat", None).drift_score
    assert jensen_shannon(*counts) * np.sqrt(np.log(2)) == pytest.approx(nats, abs=TO_THE_NINTH)
