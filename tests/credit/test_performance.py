"""Performance on matured outcomes: counted by hand, and drops that are more than chance."""

import numpy as np
import pytest

from credit.baseline import Baseline
from credit.intervals import Interval
from credit.performance import baseline, measure

PLAN = {"threshold": 0.5, "fewest_rows": 50, "samples": 200, "seed": 1}


def matured(rows: int, decay: float, seed: int = 3):
    """Outcomes of which a share has nothing to do with what the champion said."""
    draw = np.random.default_rng(seed)
    p = draw.beta(1, 3, rows)
    bad = draw.random(rows) < np.where(draw.random(rows) < decay, 0.25, p)
    return bad.astype(np.int8), p


def baseline_of(rows: int) -> Baseline:
    found = measure(*matured(rows, 0.0, seed=9), None, **PLAN)
    assert found.metrics is not None
    return Baseline(rows=rows, metrics=found.metrics)


def test_observed_to_expected_by_hand():
    bad = np.array([1] * 30 + [0] * 70, dtype=np.int8)
    found = measure(bad, np.full(100, 0.2), None, **PLAN)
    assert (found.rows, found.bads, found.bad_rate.value) == (100, 30, 0.3)
    assert found.observed_to_expected is not None
    assert found.observed_to_expected.value == pytest.approx(1.5)
    # Wilson's interval of 30 of 100, by the mean of 0.2
    assert found.observed_to_expected.low == pytest.approx(0.21895 / 0.2, abs=1e-3)
    assert found.observed_to_expected.high == pytest.approx(0.39585 / 0.2, abs=1e-3)


@pytest.mark.parametrize("bad", [[], [0] * 60, [1] * 60, [0, 1] * 20])
def test_without_enough_rows_of_both_kinds_only_the_bad_rate_is_said(bad):
    found = measure(
        np.array(bad, dtype=np.int8), np.full(len(bad), 0.4), baseline_of(2_000), **PLAN
    )
    assert found.metrics is None
    assert found.drops == {}
    assert (found.observed_to_expected is None) == (not bad)


def test_the_same_champion_has_not_dropped():
    found = measure(*matured(2_000, 0.0), baseline_of(4_000), **PLAN)
    assert all(drop.low <= 0 <= drop.high for drop in found.drops.values())


def test_a_champion_that_decays_has_dropped():
    found = measure(*matured(2_000, 0.8), baseline_of(4_000), **PLAN)
    assert found.drops["gini"].low > 0.2
    assert found.drops["brier"].low > 0


def test_the_widths_of_two_samples_add_up_as_roots_of_squares():
    metrics = {name: Interval(0.8, 0.77, 0.84) for name in ("accuracy", "gini", "brier")}
    found = measure(*matured(500, 0.0), Baseline(rows=900, metrics=metrics), **PLAN)
    assert found.metrics is not None
    now, drop = found.metrics["accuracy"], found.drops["accuracy"]
    assert drop.value == pytest.approx(0.8 - now.value)
    assert drop.value - drop.low == pytest.approx(np.hypot(0.03, now.high - now.value))
    assert drop.high - drop.value == pytest.approx(np.hypot(0.04, now.value - now.low))


def said(decisions: str) -> np.ndarray:
    names = {"a": "approve", "r": "review", "d": "decline"}
    return np.array([names[each] for each in decisions], dtype=object)


def test_the_baseline_is_of_what_the_policy_approves_by_hand():
    bad = np.array([0, 0, 0, 1, 1, 0], dtype=np.int8)
    p = np.array([0.1, 0.2, 0.1, 0.2, 0.9, 0.9])
    found = baseline(bad, p, said("aaaard"), 0.5, samples=50, seed=1)
    assert found is not None
    assert found.rows == 4
    assert found.metrics["accuracy"].value == 0.75  # all four are called good, one is bad
    # Of three pairs of the bad row and a good one, two are in order and one is a tie.
    assert found.metrics["gini"].value == pytest.approx(2 * 2.5 / 3 - 1)
    assert found.metrics["brier"].value == pytest.approx((0.01 + 0.04 + 0.01 + 0.64) / 4)


@pytest.mark.parametrize("decisions", ["rrdd", "aadd", "ddaa", "ddda"])
def test_approved_rows_of_one_kind_are_no_baseline(decisions):
    bad = np.array([0, 0, 1, 1], dtype=np.int8)
    assert baseline(bad, np.full(4, 0.1), said(decisions), 0.5, samples=50, seed=1) is None
