"""DeLong's variance by hand, against its definition, and against the bootstrap."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from credit.delong import auc_difference, auc_interval, estimate

TAIWAN = Path(__file__).parents[2] / "data" / "taiwan-default.parquet"
FOLDS = 10_000


def definition(bad, scores):
    """AUCs and covariance from every pair of a bad and a good row, as DeLong's article has it."""
    bads, goods = scores[:, bad == 1, None], scores[:, None, bad == 0]
    wins = (bads > goods) + (bads == goods) / 2
    by_bad, by_good = wins.mean(axis=2), wins.mean(axis=1)
    covariance = np.cov(by_bad) / by_bad.shape[1] + np.cov(by_good) / by_good.shape[1]
    return wins.mean(axis=(1, 2)), covariance


def test_four_rows_by_hand():
    # Bads 0.35 and 0.8 beat 1 and 2 of 2 goods; goods 0.1 and 0.4 lose to 2 and 1 of 2 bads.
    found = estimate(np.array([0, 0, 1, 1]), np.array([[0.1, 0.4, 0.35, 0.8]]))
    assert found.auc.tolist() == [0.75]
    assert found.covariance.tolist() == [[0.125 / 2 + 0.125 / 2]]


@st.composite
def two_scores(draw):
    count = draw(st.integers(8, 60))
    bad = draw(
        st.lists(st.integers(0, 1), min_size=count, max_size=count).filter(
            lambda b: 2 <= sum(b) <= len(b) - 2
        )
    )
    grid = draw(st.sampled_from([2, 5, 1000]))
    rows = st.lists(st.integers(0, grid), min_size=count, max_size=count)
    return np.array(bad, dtype=np.int8), np.array([draw(rows), draw(rows)]) / grid


@settings(max_examples=100, deadline=None)
@given(two_scores())
def test_midranks_give_what_the_definition_gives(case):
    bad, scores = case
    found, (auc, covariance) = estimate(bad, scores), definition(bad, scores)
    np.testing.assert_allclose(found.auc, auc, atol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-12)
    for score, each in zip(scores, found.auc, strict=True):
        assert each == pytest.approx(roc_auc_score(bad, score), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(two_scores())
def test_a_difference_changes_its_sign_with_the_order(case):
    bad, (first, second) = case
    forth, back = auc_difference(bad, first, second), auc_difference(bad, second, first)
    assert forth.difference.value == pytest.approx(-back.difference.value, abs=1e-12)
    assert forth.difference.low == pytest.approx(-back.difference.high, abs=1e-12)
    assert forth.p == pytest.approx(back.p, abs=1e-9)
    assert 0 <= forth.p <= 1


def test_the_same_ranking_does_not_differ():
    draw = np.random.default_rng(0)
    bad, score = draw.integers(0, 2, 50), draw.normal(size=50)
    same = auc_difference(bad, score, 3 * score + 1)
    assert (same.difference.value, same.difference.low, same.difference.high) == (0.0, 0.0, 0.0)
    assert same.p == 1.0


def test_a_difference_without_variance_is_certain():
    bad = np.array([0, 0, 1, 1])
    found = auc_difference(bad, np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert (found.difference.value, found.p) == (1.0, 0.0)


def test_p_is_uniform_when_two_scores_are_equally_good():
    draw = np.random.default_rng(5)
    values = []
    for _ in range(400):
        bad = (draw.random(300) < 0.3).astype(np.int8)
        scores = bad + draw.normal(size=(2, 300)) + draw.normal(size=300)
        values.append(auc_difference(bad, *scores).p)
    assert 0.02 < np.mean(np.array(values) < 0.05) < 0.09
    assert 0.42 < np.mean(values) < 0.58


@pytest.mark.parametrize("bad", [[0, 0, 0, 1], [1, 1, 1, 0], [1, 1, 1, 1]])
def test_one_row_of_a_kind_has_no_variance(bad):
    with pytest.raises(ValueError, match="needs at least 2 good and 2 bad rows, got"):
        auc_interval(np.array(bad), np.arange(4.0))


@pytest.fixture(scope="module")
def taiwan():
    """Labels and two logistic scores [2, rows] of 6,000 rows that they were not fitted on."""
    columns = ["PAY_0", "LIMIT_BAL", "default_payment_next_month"]
    rows = pd.read_parquet(TAIWAN, columns=columns).to_numpy(dtype=float, copy=True)[:12_000]
    rows[:, 1] = np.log(rows[:, 1])
    fitted, kept = rows[:6_000], rows[6_000:]
    two = LogisticRegression().fit(fitted[:, :2], fitted[:, 2])
    one = LogisticRegression().fit(fitted[:, 1:2], fitted[:, 2])
    scores = np.stack([two.decision_function(kept[:, :2]), one.decision_function(kept[:, 1:2])])
    return kept[:, 2].astype(np.int8), scores


def bootstrap_aucs(bad, scores, folds, seed):
    """AUCs [folds, scores] of resampled rows.

    Rows of the same label and score count together, so that a resample is one multinomial draw
    and 10,000 of them take seconds.
    """
    drawn_scores, cells = np.unique(scores, axis=1, return_inverse=True)
    cells = cells.ravel()
    groups = drawn_scores.shape[1]
    counts = np.stack([np.bincount(cells[bad == kind], minlength=groups) for kind in (0, 1)])
    shares = counts.ravel() / counts.sum()
    generator = np.random.default_rng(seed)
    aucs = np.empty((folds, len(scores)))
    for start in range(0, folds, 1000):
        drawn = generator.multinomial(len(bad), shares, 1000).reshape(1000, 2, groups)
        for position, score in enumerate(drawn_scores):
            order = np.argsort(score, kind="stable")
            starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
            tied = np.add.reduceat(drawn[:, :, order], starts, axis=2).astype(float)
            goods, bads = tied[:, 0], tied[:, 1]
            below = np.cumsum(goods, axis=1) - goods / 2
            pairs = goods.sum(axis=1) * bads.sum(axis=1)
            aucs[start : start + 1000, position] = (bads * below).sum(axis=1) / pairs
    return aucs


def test_variances_on_taiwan_agree_with_a_bootstrap_of_ten_thousand(taiwan):
    bad, scores = taiwan
    found = estimate(bad, scores)
    resampled = np.cov(bootstrap_aucs(bad, scores, FOLDS, seed=1).T)
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(resampled), rtol=0.1)
    contrast = np.array([1, -1])
    assert contrast @ found.covariance @ contrast == pytest.approx(
        contrast @ resampled @ contrast, rel=0.1
    )


def test_the_bootstrap_of_this_test_is_the_plain_one(taiwan):
    bad, scores = taiwan[0][:400], taiwan[1][:, :400]
    generator = np.random.default_rng(2)
    drawn = (generator.integers(0, 400, 400) for _ in range(300))
    plain = [[roc_auc_score(bad[rows], score[rows]) for score in scores] for rows in drawn]
    fast = bootstrap_aucs(bad, scores, 1000, seed=3)
    np.testing.assert_allclose(np.std(plain, axis=0), fast.std(axis=0), rtol=0.2)
    np.testing.assert_allclose(np.mean(plain, axis=0), fast.mean(axis=0), atol=0.005)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    draw = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        probability = expit(draw.normal(size=400))
        bad = (draw.random(400) < probability).astype(np.int8)
        interval = auc_interval(bad, probability)
        # The AUC of N(0, 1) log-odds that are true: 0.7389 by numerical integration.
        hits += interval.low <= 0.7389 <= interval.high
    assert 275 <= hits <= 295
