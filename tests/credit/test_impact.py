import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from credit.impact import (
    ProfitCurve,
    ProfitPoint,
    exposures,
    impact,
    profit_curve,
    profit_of,
    swap_set,
)
from credit.package import canonical_json
from credit.plan import CostPlan
from credit.spec import Schema

COSTS = CostPlan(
    loss_given_default=0.5, margin=0.1, review_cost=20, review_accuracy=0.75, review_capacity=0.2
)
DECISIONS = np.array(["approve", "approve", "review", "review", "decline", "approve"], dtype=object)
BAD = np.array([0, 1, 0, 1, 1, 0], dtype=np.int8)
EXPOSURE = np.array([1000.0, 2000.0, 1000.0, 1000.0, 5000.0, 400.0])


def measured(decisions=DECISIONS, bad=BAD, exposure=EXPOSURE, samples=200, seed=1):
    return impact(decisions, bad, exposure, COSTS, samples, seed)


def drawn(count, seed=0):
    draw = np.random.default_rng(seed)
    pd_ = draw.beta(1, 4, count).round(6)
    bad = (draw.random(count) < pd_).astype(np.int8)
    return bad, pd_, draw.lognormal(7, 0.5, count)


def test_the_accounts_of_each_application():
    # Approved: 0.1 of 1000, -0.5 of 2000, 0.1 of 400. Reviewed: 0.75 of 100 and 0.25 of -500,
    # less 20 each.
    assert profit_of(DECISIONS, BAD, EXPOSURE, COSTS).tolist() == [
        100.0, -1000.0, 55.0, -145.0, 0.0, 40.0
    ]  # fmt: skip


def test_a_sure_reviewer_loses_nothing_but_the_cost_and_a_coin_gains_half():
    sure = COSTS.model_copy(update={"review_accuracy": 1.0})
    coin = COSTS.model_copy(update={"review_accuracy": 0.5, "review_cost": 0.0})
    review, bad, exposure = np.array(["review"] * 2, dtype=object), np.array([0, 1]), np.ones(2)

    assert profit_of(review, bad, exposure * 1000, sure).tolist() == [80.0, -20.0]
    assert profit_of(review, bad, exposure, coin).tolist() == [0.05, -0.25]


def test_impact_by_hand():
    found = measured()

    assert (found.applications, found.exposure) == (6, 10400.0)
    assert found.approval_rate.value == 0.5
    assert found.review_rate.value == pytest.approx(1 / 3, abs=1e-15)
    assert found.decline_rate.value == pytest.approx(1 / 6, abs=1e-15)
    assert found.bad_rate.value == pytest.approx(1 / 3, abs=1e-15)
    assert found.profit.value == -950.0
    assert found.loss.value == 1000.0 + 0.25 * 500


def test_where_nothing_is_approved_there_is_no_bad_rate():
    found = measured(np.full(6, "decline", dtype=object))
    assert found.bad_rate is None
    assert found.profit.value == found.profit.low == found.profit.high == 0.0
    assert found.decline_rate.low == found.decline_rate.high == 1.0


def test_one_approved_row_of_many_has_a_bad_rate_though_most_resamples_lack_it():
    decisions = np.array(["approve"] + ["decline"] * 5, dtype=object)
    assert measured(decisions).bad_rate.value == 0.0
    assert measured(decisions, samples=1, seed=2).bad_rate.value == 0.0


def test_no_applications_have_no_impact():
    nothing = np.empty(0)
    with pytest.raises(ValueError, match="there are no applications"):
        measured(nothing, nothing, nothing)
    with pytest.raises(ValueError, match="there are no applications"):
        profit_curve(nothing, nothing, nothing, COSTS)


def test_impact_is_repeatable_and_json():
    first, second = measured(), measured()
    assert first == second
    assert canonical_json(first.model_dump(mode="json"))
    assert type(first).model_validate_json(first.model_dump_json()) == first
    assert measured(seed=2).profit != first.profit


def test_intervals_are_those_of_scipys_basic_bootstrap():
    bad, pd_, exposure = drawn(2000)
    decisions = np.where(pd_ < 0.15, "approve", np.where(pd_ < 0.3, "review", "decline"))
    profit = profit_of(decisions, bad, exposure, COSTS)
    reference = bootstrap(
        (profit,), np.sum, n_resamples=4000, method="basic", rng=np.random.default_rng(3)
    ).confidence_interval

    found = measured(decisions, bad, exposure, samples=4000).profit

    width = reference.high - reference.low
    assert found.low == pytest.approx(reference.low, abs=0.06 * width)
    assert found.high == pytest.approx(reference.high, abs=0.06 * width)


def test_the_bad_rates_interval_is_near_the_normal_one():
    bad, pd_, exposure = drawn(5000)
    decisions = np.where(pd_ < 0.2, "approve", "decline")
    approved = int((pd_ < 0.2).sum())

    found = measured(decisions, bad, exposure, samples=2000).bad_rate

    error = 1.96 * np.sqrt(found.value * (1 - found.value) / approved)
    assert found.low == pytest.approx(found.value - error, abs=0.1 * error)
    assert found.high == pytest.approx(found.value + error, abs=0.1 * error)


DECISION = st.sampled_from(["approve", "review", "decline"])
ROW = st.tuples(DECISION, DECISION, st.integers(0, 1), st.floats(0, 1e6))


@settings(deadline=None, max_examples=50)
@given(st.lists(ROW, min_size=1, max_size=30))
def test_rates_and_amounts_add_up_and_intervals_hold_their_value(rows):
    decisions = np.array([row[0] for row in rows], dtype=object)
    bad, exposure = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    found = impact(decisions, bad, exposure, COSTS, 20, 0)

    rates = (found.approval_rate, found.review_rate, found.decline_rate)
    assert sum(rate.value for rate in rates) == pytest.approx(1)
    assert found.loss.value >= 0
    for interval in (*rates, found.profit, found.loss):
        assert interval.low <= interval.value <= interval.high
    assert found.profit.value == pytest.approx(
        profit_of(decisions, bad, exposure, COSTS).sum(), abs=1e-6
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(ROW, max_size=30))
def test_the_swap_set_holds_the_whole_difference_between_two_policies(rows):
    old = np.array([row[0] for row in rows], dtype=object)
    new = np.array([row[1] for row in rows], dtype=object)
    bad = np.array([row[2] for row in rows], dtype=np.int8)
    exposure = np.array([row[3] for row in rows])

    swap = swap_set(old, new, bad, exposure, COSTS)

    def approved(decisions):
        return np.where(decisions == "approve", profit_of(decisions, bad, exposure, COSTS), 0).sum()

    gain = swap.swapped_in.profit - swap.swapped_out.profit
    assert gain == pytest.approx(approved(new) - approved(old), abs=1e-6)
    assert swap.stay.applications + swap.swapped_in.applications == (new == "approve").sum()
    assert swap.stay.applications + swap.swapped_out.applications == (old == "approve").sum()
    assert canonical_json(swap.model_dump(mode="json"))


def test_a_swap_set_by_hand():
    new = np.array(["decline", "approve", "approve", "approve", "approve", "review"], dtype=object)

    swap = swap_set(DECISIONS, new, BAD, EXPOSURE, COSTS)

    assert swap.swapped_in.applications == 3
    assert swap.swapped_in.share == 0.5
    assert swap.swapped_in.bads == 2
    assert swap.swapped_in.bad_rate == pytest.approx(2 / 3, abs=1e-15)
    assert swap.swapped_in.exposure == 7000.0
    assert swap.swapped_in.profit == 100.0 - 500.0 - 2500.0
    assert swap.swapped_out.applications == 2
    assert swap.swapped_out.profit == 140.0
    assert (swap.stay.applications, swap.stay.bad_rate, swap.stay.profit) == (1, 1.0, -1000.0)


def test_equal_policies_swap_nobody():
    swap = swap_set(DECISIONS, DECISIONS, BAD, EXPOSURE, COSTS)
    assert (swap.swapped_in.applications, swap.swapped_in.bad_rate) == (0, None)
    assert swap.swapped_out == swap.swapped_in


def test_a_profit_curve_by_hand():
    pd_ = np.array([0.3, 0.1, 0.2, 0.2])
    bad, exposure = np.array([1, 0, 0, 1]), np.full(4, 100.0)

    curve = profit_curve(bad, pd_, exposure, COSTS)

    assert curve.points == (
        ProfitPoint(threshold=0.0, approval_rate=0.0, bad_rate=None, profit=0.0),
        ProfitPoint(threshold=0.1, approval_rate=0.0, bad_rate=None, profit=0.0),
        ProfitPoint(threshold=0.2, approval_rate=0.25, bad_rate=0.0, profit=10.0),
        ProfitPoint(threshold=0.3, approval_rate=0.75, bad_rate=1 / 3, profit=-30.0),
        ProfitPoint(threshold=1.0, approval_rate=1.0, bad_rate=0.5, profit=-80.0),
    )
    assert curve.best.threshold == 0.2
    assert ProfitCurve.model_validate_json(curve.model_dump_json()) == curve
    assert all(type(point.threshold) is float for point in curve.points)


def test_a_profit_curve_leaves_to_the_rules_what_is_theirs():
    pd_ = np.array([0.1, 0.2, 0.3])
    rules = np.array(["decline", "", "review"], dtype=object)

    points = profit_curve(np.array([0, 0, 0]), pd_, np.full(3, 1000.0), COSTS, rules).points

    assert [round(point.profit, 9) for point in points] == [0, 0, 0, 100, 155]
    assert [point.approval_rate for point in points] == [0, 0, 0, 1 / 3, 1 / 3]


def test_a_long_curve_has_a_hundred_steps_and_agrees_with_profit_of():
    bad, pd_, exposure = drawn(3000)
    curve = profit_curve(bad, pd_, exposure, COSTS)
    assert 100 <= len(curve.points) <= 103
    for point in curve.points[::10]:
        decisions = np.where(pd_ < point.threshold, "approve", "decline")
        assert point.profit == pytest.approx(
            profit_of(decisions, bad, exposure, COSTS).sum(), abs=1e-6
        )


def schema(**changes):
    amount = {"type": "number", "special": {-1: "open"}}
    columns = {"amount": amount, "income": {"type": "number"}}
    return Schema.model_validate(
        {"name": "tiny", "bad": {"target": "bad"}, "columns": columns, **changes}
    )


def test_exposure_is_the_spec_column_or_one():
    rows = pd.DataFrame({"amount": [5.0, 0.0]})
    assert exposures(rows, schema(exposure="amount")).tolist() == [5.0, 0.0]
    assert exposures(rows, schema()).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("amount", [np.nan, -2.0, -1.0])
def test_an_exposure_that_is_no_amount_is_refused(amount):
    rows = pd.DataFrame({"amount": [5.0, amount]})
    with pytest.raises(ValueError, match="'amount' is missing or negative in 1 of 2 rows; give it"):
        exposures(rows, schema(exposure="amount"))
