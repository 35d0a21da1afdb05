import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import load_settings
from credit.bands import choose_bands
from credit.impact import profit_of
from credit.plan import CostPlan, DecisionPlan, ScalePlan
from credit.policy import band
from tests.credit.test_impact import drawn

SCALE = ScalePlan(base_score=600, base_odds=30, points_to_double=20)


def plan(**changes):
    costs = {
        "loss_given_default": 0.5,
        "margin": 0.1,
        "review_cost": 20,
        "review_accuracy": 0.95,
        "review_capacity": 0.25,
        **changes,
    }
    return DecisionPlan(costs=CostPlan.model_validate(costs), scale=SCALE)


PD = np.array([0.01, 0.02, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5])
BAD = np.array([0, 0, 0, 0, 1, 0, 1, 1])
EXPOSURE = np.full(8, 1000.0)


def chosen(bad=BAD, pd=PD, exposure=EXPOSURE, by_rule=None, **changes):
    policy = choose_bands(bad, pd, exposure, plan(**changes), by_rule)
    return policy.approve_below, policy.decline_above


def test_bands_by_hand():
    # A reviewed good earns 0.95 * 100 - 20 = 75, a reviewed bad one -0.05 * 500 - 20 = -45: the
    # bad of 0.2 and the good of 0.3 are worth a review, and there is capacity for two.
    assert chosen() == (0.2, 0.4)
    # Capacity for one: none of the two alone is worth it, for the bad comes first.
    assert chosen(review_capacity=0.2) == (0.2, 0.2)
    # At 35 the two reviews earn nothing together: the simpler policy is chosen.
    assert chosen(review_cost=35) == (0.2, 0.2)
    assert chosen(review_cost=34.9) == (0.2, 0.4)


def test_exposure_decides_what_is_worth_it():
    exposure = EXPOSURE.copy()
    exposure[5] = 10_000  # a good one at 0.3 that makes up for the bad one at 0.2
    assert chosen(exposure=exposure, review_capacity=0.0) == (0.4, 0.4)


def test_what_a_review_decides_no_better_is_approved_without_one():
    sure = {"review_accuracy": 1.0, "review_cost": 0, "review_capacity": 1.0}
    pd, exposure = np.array([0.1, 0.2, 0.3]), np.full(3, 1000.0)
    assert chosen(bad=np.array([0, 0, 1]), pd=pd, exposure=exposure, **sure) == (0.3, 0.3)


def test_the_last_review_of_the_capacity_is_used():
    """29% of 100 is a hair below 29 in floating point."""
    bad = np.array([1] + [0] * 28 + [1] * 71)  # one bad that only reviewers keep out, then goods
    exposure = np.array([10_000.0] + [1000.0] * 99)
    pd = np.arange(100) / 100
    assert chosen(bad, pd, exposure, review_capacity=0.29) == (0.0, 0.29)
    assert chosen(bad, pd, exposure, review_capacity=0.285) == (0.0, 0.28)


def test_the_extremes():
    assert chosen(bad=np.ones(8, dtype=np.int8)) == (0.0, 0.0)
    assert chosen(bad=np.zeros(8, dtype=np.int8)) == (1.0, 1.0)
    assert chosen(bad=np.array([1]), pd=np.array([0.3]), exposure=np.ones(1)) == (0.0, 0.0)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="there are no validation rows"):
        chosen(bad=np.empty(0), pd=np.empty(0), exposure=np.empty(0))


def test_a_policy_says_how_it_was_chosen_and_holds_the_plan():
    policy = choose_bands(BAD, PD, EXPOSURE, plan())
    assert policy.costs == plan().costs
    assert policy.scale == SCALE
    assert policy.chosen == (
        "on 8 validation rows: profit 430 with 50.0% approved and 25.0% reviewed"
    )


def test_what_a_rule_declines_has_no_say():
    rules = np.array(["", "", "", "", "decline", "", "", ""], dtype=object)
    assert chosen(by_rule=rules, review_capacity=0.0) == (0.4, 0.4)


def test_reviews_by_rule_use_up_the_capacity():
    rules = np.array(["review", "", "", "", "", "", "", ""], dtype=object)
    assert chosen(by_rule=rules) == (0.2, 0.2)
    assert chosen(by_rule=rules, review_capacity=0.375) == (0.2, 0.4)


def test_more_reviews_by_rule_than_capacity_leave_the_bands_none_but_approvals_go_on():
    rules = np.array(["review"] * 3 + [""] * 5, dtype=object)
    assert chosen(by_rule=rules, review_capacity=0.25) == (0.2, 0.2)


def test_probabilities_and_thresholds_have_six_decimals():
    low, high = chosen(pd=PD + 1e-9)
    assert (low, high) == (0.2, 0.4)


def profit_at(low, high, bad, pd, exposure, by_rule, costs):
    by_band = np.where(pd < low, "approve", np.where(pd < high, "review", "decline"))
    decisions = np.where(
        (by_rule == "decline") | (by_band == "decline"),
        "decline",
        np.where((by_rule == "review") | (by_band == "review"), "review", "approve"),
    )
    by_band_alone = int(((by_rule == "") & (decisions == "review")).sum())
    reviews = int((decisions == "review").sum())
    is_allowed = by_band_alone == 0 or reviews <= costs.review_capacity * len(bad) + 1e-9
    return profit_of(decisions, bad, exposure, costs).sum(), reviews, is_allowed


ROW = st.tuples(
    st.integers(0, 1),
    st.integers(0, 20).map(lambda n: n / 20),
    st.integers(0, 5000),
    st.sampled_from(["", "", "", "review", "decline"]),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(ROW, min_size=1, max_size=15),
    st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    st.sampled_from([0.5, 0.75, 1.0]),
    st.sampled_from([0, 20, 200]),
)
def test_no_pair_of_thresholds_earns_more_and_none_as_much_with_fewer_reviews(
    rows, capacity, accuracy, cost
):
    decisions = plan(review_capacity=capacity, review_accuracy=accuracy, review_cost=cost)
    bad = np.array([row[0] for row in rows], dtype=np.int8)
    pd = np.array([row[1] for row in rows])
    exposure = np.array([row[2] for row in rows], dtype=np.float64)
    by_rule = np.array([row[3] for row in rows], dtype=object)
    grid = sorted({0.0, 1.0, *pd.tolist()})
    pairs = [
        (*profit_at(low, high, bad, pd, exposure, by_rule, decisions.costs), low, high)
        for low in grid
        for high in grid
        if low <= high
    ]
    allowed = [pair for pair in pairs if pair[2]]
    most = max(pair[0] for pair in allowed)
    close = [pair for pair in allowed if pair[0] >= most - 1e-9 * max(abs(most), 1.0)]
    wanted = min(close, key=lambda pair: (pair[1], pair[3], pair[4]))

    policy = choose_bands(bad, pd, exposure, decisions, by_rule)

    assert (policy.approve_below, policy.decline_above) == wanted[3:]


def test_rows_in_another_order_give_the_same_bands():
    bad, pd, exposure = drawn(4000)
    order = np.random.default_rng(5).permutation(len(bad))
    decisions = load_settings().decisions
    first = choose_bands(bad, pd, exposure, decisions)
    second = choose_bands(bad[order], pd[order], exposure[order], decisions)
    assert (first.approve_below, first.decline_above) == (
        second.approve_below,
        second.decline_above,
    )


def test_bands_of_calibrated_probabilities_are_near_those_of_theory():
    """Approve while m (1 - p) - L p is above a review's, review while that is above nothing."""
    bad, pd, _ = drawn(200_000)
    policy = choose_bands(
        bad, pd, np.full(len(bad), 1000.0), plan(review_accuracy=0.8, review_capacity=1.0)
    )
    # 100 - 600 p = 60 - 180 p at p = 0.0952; 60 - 180 p = 0 at p = 0.3333.
    assert policy.approve_below == pytest.approx(40 / 420, abs=0.01)
    assert policy.decline_above == pytest.approx(1 / 3, abs=0.03)


def test_the_choice_is_within_capacity_and_takes_well_under_a_second():
    bad, pd, exposure = drawn(6000)
    decisions = load_settings().decisions
    start = time.perf_counter()
    policy = choose_bands(bad, pd, exposure, decisions)
    assert time.perf_counter() - start < 1.0  # measured at 0.03 to 0.06 s
    assert (band(policy, pd) == "review").mean() <= decisions.costs.review_capacity
