"""Concept drift: by hand, as a score test has it, and what is a change and what is luck."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import chi2

from credit.concept import (
    FEWEST_EXPECTED,
    Binned,
    _pooled,
    binned_category,
    binned_number,
    concept_drift,
)
from credit.profiles import CategoryProfile, NumberProfile

SIGNIFICANCE = 0.01


def two_bins(bads: tuple[int, int], rows: int = 100, p: float = 0.2):
    """Two bins of as many rows, one probability for all."""
    bad = np.concatenate([np.arange(rows) < count for count in bads]).astype(np.int8)
    return {"x": Binned(np.repeat([0, 1], rows), ("low", "high"))}, bad, np.full(2 * rows, p)


def test_two_bins_by_hand():
    found = concept_drift(*two_bins((10, 30)), SIGNIFICANCE)
    (relation,) = found.relations
    # 40 bads of 200 are expected and there: 20 in each bin with a variance of 16.
    assert found.level.value == pytest.approx(0.0, abs=1e-9)
    assert found.level.high == pytest.approx(1.959964 / np.sqrt(32))
    assert relation.statistic == pytest.approx(2 * 100 / 16)
    assert relation.p_value == pytest.approx(chi2.sf(12.5, 1))
    assert relation.gap == pytest.approx(0.1)
    assert relation.has_changed
    assert relation.worst.expected == pytest.approx(0.2)
    assert abs(relation.worst.bad_rate.value - 0.2) == pytest.approx(0.1)
    assert found.changed == 1


def test_twice_as_many_bads_everywhere_are_another_level_and_no_other_relation():
    found = concept_drift(*two_bins((40, 40)), SIGNIFICANCE)
    assert found.level.value == pytest.approx(logit(0.4) - logit(0.2))
    assert found.level.low > 0
    assert found.relations[0].statistic == pytest.approx(0.0, abs=1e-9)
    assert found.changed == 0


def test_the_statistic_is_the_score_test_of_a_logistic_regression():
    draw = np.random.default_rng(5)
    p, index = draw.beta(2, 6, 900), draw.integers(0, 4, 900)
    bad = (draw.random(900) < expit(logit(p) + 0.4 * (index == 2))).astype(np.int8)
    found = concept_drift({"x": Binned(index, tuple("abcd"))}, bad, p, SIGNIFICANCE)
    moved = expit(logit(p) + found.level.value)
    assert moved.sum() == pytest.approx(bad.sum())
    scores = np.stack([index == each for each in range(4)], axis=1)
    gradient = scores.T @ (bad - moved)
    variance = scores.T @ (moved * (1 - moved))
    # Of the bins, the level being fitted as well.
    information = np.diag(variance) - np.outer(variance, variance) / variance.sum()
    statistic = gradient @ np.linalg.pinv(information) @ gradient
    assert found.relations[0].statistic == pytest.approx(statistic)


def drawn(seed: int, effect: float, rows: int = 4_000):
    """Features of which the last goes with default in another way than the champion says."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, 5))
    p = expit(-2 + values @ np.array([0.8, 0.4, 0.2, 0.0, 0.3]))
    true = expit(logit(p) + effect * values[:, 4])
    bad = (draw.random(rows) < true).astype(np.int8)
    reference = draw.normal(size=(2_000, 5))
    features = {
        name: binned_number(NumberProfile.fit(reference[:, place]), values[:, place], {})
        for place, name in enumerate("abcde")
    }
    return features, bad, p


def test_a_relation_that_turned_is_found_and_named_first():
    found = concept_drift(*drawn(1, effect=-0.6), SIGNIFICANCE)
    assert found.relations[0].name == "e"
    assert found.relations[0].has_changed


def test_without_a_change_hardly_any_window_says_one():
    changed = [concept_drift(*drawn(seed, 0.0, 2_000), SIGNIFICANCE).changed for seed in range(60)]
    assert sum(count > 0 for count in changed) <= 3


def test_what_is_certain_and_tiny_is_no_change():
    rows = 200_000
    features, bad, p = two_bins((int(0.196 * rows), int(0.204 * rows)), rows)
    (relation,) = concept_drift(features, bad, p, SIGNIFICANCE).relations
    assert relation.p_value < 1e-6
    assert not relation.has_changed


@pytest.mark.parametrize("bad", [np.zeros(9, np.int8), np.ones(9, np.int8), np.empty(0, np.int8)])
def test_without_both_kinds_nothing_is_said(bad):
    features = {"x": Binned(np.zeros(len(bad), dtype=np.int64), ("all",))}
    assert concept_drift(features, bad, np.full(len(bad), 0.5), SIGNIFICANCE) is None


def test_one_bin_is_no_evidence():
    _, bad, p = two_bins((10, 30))
    same = {"x": Binned(np.zeros(200, dtype=np.int64), ("all", "none"))}
    (relation,) = concept_drift(same, bad, p, SIGNIFICANCE).relations
    assert (relation.p_value, relation.worst, relation.has_changed) == (1.0, None, False)


def test_probabilities_of_0_and_1_have_log_odds_too():
    features, bad, _ = two_bins((10, 30))
    found = concept_drift(features, bad, np.repeat([0.0, 1.0], 100), SIGNIFICANCE)
    assert np.isfinite(found.level.value)
    assert np.isfinite(found.relations[0].statistic)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=8).filter(lambda rows: sum(rows) > 60))
def test_pooled_bins_keep_all_rows_and_have_enough(rows):
    index = np.repeat(np.arange(len(rows)), rows)
    labels = [f"bin {place}" for place in range(len(rows))]
    expected = np.full(len(index), 0.3)
    places, names = _pooled(Binned(index, labels), expected)
    found = np.bincount(places, weights=expected, minlength=len(names))
    assert len(found) == len(names)
    assert found.sum() == pytest.approx(expected.sum())
    assert found.min() >= FEWEST_EXPECTED
    assert set(" or ".join(names).split(" or ")) == {
        label for label, count in zip(labels, rows, strict=True) if count
    }


def test_bins_are_those_of_the_reference():
    number = NumberProfile.fit(np.array([-9.0, *range(1, 101)]), codes=(-9.0,))
    binned = binned_number(number, np.array([np.nan, -9.0, 0.0, 1.0, 100.0, 101.0]), {-9.0: "none"})
    names = [binned.labels[place] for place in binned.index]
    assert names == [
        "missing",
        "none (-9)",
        "below 1",
        "1 to below 11",
        "91 to below 100",
        names[5],
    ]
    assert names[5].endswith("or more")
    category = CategoryProfile.fit(np.array(["own", "rent", ""] * 5, dtype=object))
    binned = binned_category(category, np.array(["rent", "", "castle", "own"], dtype=object))
    assert [binned.labels[place] for place in binned.index] == [
        "rent",
        "missing",
        "rare or new",
        "own",
    ]
