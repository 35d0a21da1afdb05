"""Champion against challenger: the same, better, slightly worse, and much worse."""

import numpy as np
import pytest
from scipy.special import expit

from credit.comparison import Comparison, Scored, compare, mean_interval
from credit.delong import auc_difference


@pytest.fixture(scope="module")
def rows():
    """Labels and true probabilities of 4,000 rows."""
    draw = np.random.default_rng(11)
    probability = expit(draw.normal(-1.2, 1.2, 4000))
    return (draw.random(4000) < probability).astype(np.int8), probability


def scored(bad, probability, cut=0.3):
    """Approved below the cut: a good earns 10, a bad loses 45."""
    return Scored(probability, np.where(probability < cut, np.where(bad == 1, -45.0, 10.0), 0.0))


def noisy(probability, noise):
    draw = np.random.default_rng(3)
    return expit(np.log(probability / (1 - probability)) + draw.normal(0, noise, len(probability)))


def judge(rows, challenger, auc_margin=0.01, profit_margin=0.05, champion=None):
    bad, probability = rows
    champion = probability if champion is None else champion
    return compare(
        bad,
        scored(bad, champion),
        scored(bad, challenger),
        champion < 0.3,
        auc_margin,
        profit_margin,
        samples=300,
        seed=1,
    )


def test_a_copy_of_the_champion_is_not_inferior(rows):
    found = judge(rows, rows[1])
    assert found.non_inferior
    assert found.all_rows.auc.difference.value == 0.0
    assert found.all_rows.profit.difference.low == found.all_rows.profit.difference.high == 0.0
    assert found.all_rows.auc.p == 1.0


def test_a_much_worse_challenger_is_inferior_on_auc_and_profit(rows):
    found = judge(rows, noisy(rows[1], 2.0))
    assert not found.all_rows.auc.non_inferior
    assert not found.all_rows.profit.non_inferior
    assert not found.non_inferior


def test_a_better_challenger_is_not_inferior(rows):
    found = judge(rows, rows[1], champion=noisy(rows[1], 1.0))
    assert found.all_rows.non_inferior
    assert found.all_rows.auc.difference.low > 0


def test_worse_by_less_than_the_margin_is_not_inferior(rows):
    slightly = noisy(rows[1], 0.15)
    wide, narrow = judge(rows, slightly, 0.05, 0.5), judge(rows, slightly, 0.0, 0.0)
    assert wide.all_rows.auc.difference == narrow.all_rows.auc.difference
    assert wide.all_rows.auc.difference.value < 0
    assert wide.non_inferior
    assert not narrow.all_rows.auc.non_inferior


def test_numbers_are_those_of_delong_and_of_the_profits(rows):
    bad, probability = rows
    challenger = noisy(probability, 0.5)
    found = judge(rows, challenger)
    everywhere, approved = np.ones(4000, dtype=bool), probability < 0.3
    for part, mask in ((found.all_rows, everywhere), (found.approved, approved)):
        expected = auc_difference(bad[mask], probability[mask], challenger[mask])
        assert (part.rows, part.bads) == (mask.sum(), bad[mask].sum())
        assert part.auc.difference == expected.difference
        assert part.auc.p == expected.p
        old, new = scored(bad, probability).profit[mask], scored(bad, challenger).profit[mask]
        assert part.profit.champion == old.mean()
        assert part.profit.challenger == new.mean()
        assert part.profit.difference.value == pytest.approx((new - old).mean())
        assert part.profit.margin == pytest.approx(0.05 * abs(old.mean()))


@pytest.mark.parametrize("approved", [0, 20])
def test_what_cannot_be_judged_is_not_called_non_inferior(approved):
    bad = np.array([0] * 20 + [1] * 20, dtype=np.int8)
    both = scored(bad, np.linspace(0.01, 0.99, 40))
    mask = np.arange(40) < approved
    found = compare(bad, both, both, mask, 0.01, 0.05, samples=10, seed=0)
    assert found.all_rows.non_inferior
    assert found.approved.auc is None
    assert found.approved.note == f"AUC cannot be compared on {approved} good and 0 bad rows"
    assert not found.non_inferior


def test_the_bootstrap_is_seeded_paired_and_covers(rows):
    values = np.random.default_rng(5).normal(1, 2, 500)
    assert mean_interval(values, 200, 4) == mean_interval(values, 200, 4)
    interval = mean_interval(values, 2000, 4)
    # The percentile interval of a mean of normal values is the normal one.
    half = 1.96 * values.std() / np.sqrt(500)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)


def test_a_comparison_survives_json(rows):
    found = judge(rows, noisy(rows[1], 0.5))
    assert Comparison.model_validate_json(found.model_dump_json()) == found
