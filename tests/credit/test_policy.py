import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from credit.plan import CostPlan, ScalePlan
from credit.policy import DECISIONS, Policy, band, score, severity

COSTS = CostPlan(
    loss_given_default=0.45, margin=0.1, review_cost=25, review_accuracy=0.7, review_capacity=0.15
)
SCALE = ScalePlan(base_score=600, base_odds=30, points_to_double=20)
PROBABILITY = st.integers(0, 10**6).map(lambda millionths: millionths / 10**6)


def policy(approve_below=0.1, decline_above=0.3, scale=SCALE):
    return Policy(
        approve_below=approve_below, decline_above=decline_above, scale=scale, costs=COSTS
    )


def test_bands_hold_their_lower_end():
    pd = np.array([0.0, 0.099999, 0.1, 0.299999, 0.3, 1.0])
    assert band(policy(), pd).tolist() == [
        "approve", "approve", "review", "review", "decline", "decline"
    ]  # fmt: skip


def test_where_both_thresholds_are_equal_nothing_is_reviewed():
    assert band(policy(0.2, 0.2), np.array([0.1, 0.2])).tolist() == ["approve", "decline"]


def test_zero_approves_nothing_and_one_all_but_the_certain():
    pd = np.array([0.0, 0.999999, 1.0])
    assert band(policy(0, 0), pd).tolist() == ["decline"] * 3
    assert band(policy(1, 1), pd).tolist() == ["approve", "approve", "decline"]


def test_what_is_no_number_is_declined():
    assert band(policy(), np.array([math.nan])).tolist() == ["decline"]


def test_probabilities_are_rounded_as_scoring_rounds_them():
    assert band(policy(), np.array([0.0999996, 0.0999994])).tolist() == ["review", "approve"]


def test_thresholds_have_six_decimals():
    assert policy(0.12345649, 0.98765451).approve_below == 0.123456
    assert policy(0.12345649, 0.98765451).decline_above == 0.987655


def test_a_policy_is_ordered_and_within_probabilities():
    with pytest.raises(
        ValidationError, match=r"approve_below \(0.4\) must not be above .* \(0.3\)"
    ):
        policy(0.4, 0.3)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        policy(0.4, 1.3)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        policy(0.4, math.nan)


@settings(deadline=None)
@given(PROBABILITY, PROBABILITY, st.lists(PROBABILITY, min_size=1, max_size=20))
def test_bands_agree_with_the_plain_words_alone_and_in_a_batch(one, other, pd):
    low, high = sorted((one, other))
    wanted = policy(low, high)

    together = band(wanted, np.array(pd))

    assert together.tolist() == [
        "approve" if p < low else "decline" if p >= high else "review" for p in pd
    ]
    assert [band(wanted, np.array([p]))[0] for p in pd] == together.tolist()
    assert [DECISIONS[place] for place in severity(wanted, np.array(pd))] == together.tolist()


@settings(deadline=None)
@given(PROBABILITY, PROBABILITY, st.text(max_size=20))
def test_a_policy_survives_json_to_the_byte(one, other, chosen):
    low, high = sorted((one, other))
    written = Policy(approve_below=low, decline_above=high, scale=SCALE, costs=COSTS, chosen=chosen)
    read = Policy.from_json(written.to_json())
    assert read == written
    assert read.to_json() == written.to_json()


def test_what_is_no_policy_is_refused():
    for content in (b"", b"{}", b'{"approve_below": 0.1}', b"\xff"):
        with pytest.raises(ValueError, match="valid"):
            Policy.from_json(content)


def test_points_by_hand():
    # Odds of 30 to 1, 60 to 1, 15 to 1, and of 1 to 1: log2(1 / 30) is -4.906891.
    pd = np.array([1 / 31, 1 / 61, 1 / 16, 0.5])
    assert score(policy(), pd).tolist() == [600, 620, 580, 502]
    other = ScalePlan(base_score=1000, base_odds=1, points_to_double=50)
    assert score(policy(scale=other), np.array([0.5, 0.2, 0.8])).tolist() == [1000, 1100, 900]


def test_points_at_the_ends_are_those_of_a_millionth():
    ends = score(policy(), np.array([0.0, 1e-6, 1 - 1e-6, 1.0]))
    assert ends[0] == ends[1] == round(600 + 20 * math.log2(999_999 / 30))
    assert ends[2] == ends[3] == round(600 - 20 * math.log2(999_999 * 30))
    assert ends.dtype == np.int64


@settings(deadline=None)
@given(st.lists(PROBABILITY, min_size=1, max_size=50))
def test_points_fall_as_the_probability_rises_and_do_not_depend_on_the_batch(pd):
    ordered = np.sort(np.array(pd))
    points = score(policy(), ordered)
    assert (np.diff(points) <= 0).all()
    assert [score(policy(), np.array([p]))[0] for p in ordered] == points.tolist()
