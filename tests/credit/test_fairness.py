"""The audit: hand-computed, the same as fairlearn, careful with small and missing groups."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.fairness import audit, worst_group, worst_ratio_gain
from credit.groups import NOT_STATED, Groups
from credit.plan import FairnessPlan

TIGHT = {"rtol": 0, "atol": 1e-12}


def plan(fewest=1, samples=20) -> FairnessPlan:
    return FairnessPlan(
        fewest_per_group=fewest,
        least_impact_ratio=0.8,
        auc_tolerance=0.005,
        bootstrap_samples=samples,
    )


def rows(*groups):
    """(decisions, bad, codes): of each group how many goods were approved and not, then bads."""
    decisions, bad, codes = [], [], []
    for code, counts in enumerate(groups):
        for count, outcome, decision in zip(
            counts, (0, 0, 1, 1), ("approve", "review", "approve", "decline"), strict=True
        ):
            decisions += [decision] * count
            bad += [outcome] * count
            codes += [code] * count
    return np.array(decisions, dtype=object), np.array(bad, dtype=np.int8), np.array(codes)


# Men: 8 of 10 goods and 2 of 4 bads approved; women: 3 of 5 and 1 of 5.
DECISIONS, BAD, CODES = rows((8, 2, 2, 2), (3, 2, 1, 4))
SEX = Groups(("male", "female"), CODES, ("male",))


def test_rates_ratios_and_differences_are_those_computed_by_hand():
    found = audit(DECISIONS, BAD, {"sex": SEX}, plan(), seed=1)
    (column,) = found.columns
    male, female = column.groups
    assert (male.rows, male.goods, male.bads, male.is_reference) == (14, 10, 4, True)
    assert (female.rows, female.goods, female.bads, female.is_reference) == (10, 5, 5, False)
    assert male.approval_rate.value == pytest.approx(10 / 14, abs=1e-15)
    assert female.approval_rate.value == pytest.approx(4 / 10, abs=1e-15)
    assert female.impact_ratio.value == pytest.approx(0.4 / (10 / 14), abs=1e-15)
    assert female.parity_difference.value == pytest.approx(0.4 - 10 / 14, abs=1e-15)
    assert female.good_approval_rate.value == pytest.approx(3 / 5, abs=1e-15)
    assert female.opportunity_difference.value == pytest.approx(0.6 - 0.8, abs=1e-15)
    assert female.opportunity_ratio.value == pytest.approx(0.6 / 0.8, abs=1e-15)
    assert female.bad_approval_rate.value == pytest.approx(1 / 5, abs=1e-15)
    assert female.odds_difference.value == pytest.approx(0.3, abs=1e-15)
    assert male.impact_ratio.value == 1
    assert column.parity_difference.value == pytest.approx(10 / 14 - 0.4, abs=1e-15)
    assert column.opportunity_difference.value == pytest.approx(0.2, abs=1e-15)
    assert column.odds_difference.value == pytest.approx(0.3, abs=1e-15)
    assert found.approval_rate == 14 / 24


def test_the_score_is_the_mean_over_columns_of_the_smaller_worst_ratio():
    # Sex: ratio of approvals 0.4 / (10/14) = 0.56, among goods 0.75. Age: counted below.
    age = Groups(("young", "old"), np.array([0, 1] * 12), ("young",))
    found = audit(DECISIONS, BAD, {"sex": SEX}, plan(), seed=1)
    assert found.score == pytest.approx(56, abs=1e-12)
    approved = DECISIONS == "approve"
    young, good = age.codes == 0, BAD == 0
    everyone = approved[~young].mean() / approved[young].mean()
    payers = approved[~young & good].mean() / approved[young & good].mean()
    both = audit(DECISIONS, BAD, {"sex": SEX, "age": age}, plan(), seed=1)
    assert both.score == pytest.approx((56 + 100 * min(1, everyone, payers)) / 2, abs=1e-12)
    assert "80 is the four-fifths rule" in both.score_formula


def test_the_score_takes_good_payers_where_they_fare_worse():
    # All men and women alike approved at 1/2, but of good payers 5 of 5 men and 3 of 6 women.
    found = audit(
        *rows((5, 0, 0, 5), (3, 3, 2, 2))[:2],
        {"sex": Groups(("male", "female"), np.array([0] * 10 + [1] * 10), ("male",))},
        plan(),
        seed=1,
    )
    assert found.columns[0].groups[1].impact_ratio.value == 1
    assert found.score == 50


def test_a_review_is_not_an_approval():
    decisions, bad, codes = rows((4, 0, 0, 0), (2, 2, 0, 0))
    assert (decisions == "review").sum() == 2
    found = audit(decisions, bad, {"sex": Groups(("m", "f"), codes, ("m",))}, plan(), seed=1)
    assert found.worst.ratio.value == 0.5


def test_a_stated_reference_is_held_against_nobody():
    # Women are approved more often; men are the stated reference and no breach comes of it.
    decisions, bad, codes = rows((5, 5, 0, 0), (9, 1, 0, 0))
    stated = audit(decisions, bad, {"sex": Groups(("m", "f"), codes, ("m",))}, plan(), seed=1)
    assert stated.worst.ratio.value == pytest.approx(1.8)
    assert (stated.score, stated.breaches) == (100, ())


def test_the_largest_group_as_a_stand_in_is_held_against_the_others():
    decisions, bad, codes = rows((6, 5, 0, 0), (9, 1, 0, 0))
    found = audit(decisions, bad, {"sex": Groups(("m", "f"), codes)}, plan(), seed=1)
    assert found.columns[0].reference == "m"
    assert not found.columns[0].reference_stated
    assert (found.worst.group, found.worst.against) == ("m", "f")
    assert found.worst.ratio.value == pytest.approx((6 / 11) / 0.9, abs=1e-15)
    assert found.columns[0].groups[1].impact_ratio.value == pytest.approx(0.9 / (6 / 11), abs=1e-15)
    assert [str(breach)[:17] for breach in found.breaches] == ["sex: m against f,"]


def test_small_groups_are_shown_and_not_judged():
    decisions, bad, codes = rows((50, 50, 0, 0), (45, 55, 0, 0), (0, 9, 0, 0))
    groups = {"sex": Groups(("m", "f", "x"), codes, ("m",))}
    found = audit(decisions, bad, groups, plan(fewest=10), seed=1)
    third = found.columns[0].groups[2]
    assert (third.group, third.rows, third.judged, third.impact_ratio.value) == ("x", 9, False, 0)
    assert (found.worst.group, found.worst.ratio.value) == ("f", pytest.approx(0.9))
    assert found.columns[0].parity_difference.value == pytest.approx(0.05)
    assert found.columns[0].notes == ("Shown, but with fewer than 10 rows not judged: x.",)
    assert worst_group(
        decisions == "approve", groups, plan(fewest=10)
    ).ratio.value == pytest.approx(0.9)


def test_a_small_reference_judges_nobody():
    groups = {"sex": Groups(("male", "female"), CODES, ("female",))}
    found = audit(DECISIONS, BAD, groups, plan(fewest=12), seed=1)
    assert (found.worst, found.score, found.breaches) == (None, None, ())
    assert not any(group.judged for group in found.columns[0].groups)
    assert "female has 10 rows, fewer than 12, so no group is judged" in found.columns[0].notes[0]
    assert worst_group(DECISIONS == "approve", groups, plan(fewest=12)) is None
    assert found.incomparable == ()


def test_missing_values_are_shown_and_never_the_reference():
    decisions, bad, codes = rows((5, 5, 0, 0), (4, 6, 0, 0), (40, 0, 0, 0))
    found = audit(decisions, bad, {"sex": Groups(("m", "f", NOT_STATED), codes)}, plan(), seed=1)
    column = found.columns[0]
    assert column.reference == "m"
    assert (column.groups[2].group, column.groups[2].judged) == (NOT_STATED, False)
    assert found.worst.ratio.value == pytest.approx(0.8)
    assert column.notes == ("40 rows have no value; they are shown and not judged.",)


def test_a_reference_that_nobody_is_approved_of_is_said():
    decisions, bad, codes = rows((0, 5, 0, 5), (5, 0, 0, 0))
    found = audit(decisions, bad, {"sex": Groups(("m", "f"), codes, ("m",))}, plan(), seed=1)
    assert (found.worst, found.score) == (None, None)
    assert "Nobody of the reference group m is approved" in found.columns[0].notes[0]
    assert found.incomparable == ("sex",)
    unstated = audit(decisions, bad, {"sex": Groups(("m", "f"), codes)}, plan(), seed=1)
    assert (unstated.worst.group, unstated.worst.ratio.value) == ("m", 0)
    assert unstated.incomparable == ()


def test_groups_without_good_or_bad_payers_have_no_rate_of_them():
    decisions, bad, codes = rows((5, 5, 0, 0), (0, 0, 4, 6))
    found = audit(decisions, bad, {"sex": Groups(("m", "f"), codes, ("m",))}, plan(), seed=1)
    male, female = found.columns[0].groups
    assert male.bad_approval_rate is None
    assert female.good_approval_rate is None
    assert female.odds_difference is None
    assert found.columns[0].opportunity_difference is None
    assert found.score == pytest.approx(80)


def test_intersections_are_audited_and_have_a_worst_of_their_own():
    # By sex and by age alone everybody is approved alike; old women and young men are not.
    codes = np.repeat(np.arange(4), 10)
    approved = np.concatenate([np.arange(10) < count for count in (8, 2, 2, 8)])
    decisions = np.where(approved, "approve", "decline").astype(object)
    groups = {
        "sex": Groups(("m", "f"), codes // 2, ("m",)),
        "age": Groups(("young", "old"), codes % 2, ("young",)),
    }
    found = audit(decisions, np.zeros(40, dtype=np.int8), groups, plan(), seed=1)
    assert found.worst.ratio.value == 1
    assert [column.name for column in found.intersections] == ["sex and age"]
    assert found.intersections[0].reference == "m / young"
    assert found.worst_intersection.group in {"m / old", "f / young"}
    assert found.worst_intersection.ratio.value == pytest.approx(0.25)
    assert {breach.group for breach in found.breaches} == {"m / old", "f / young"}
    assert found.score == 100


def test_without_protected_columns_the_audit_says_so():
    found = audit(DECISIONS, BAD, {}, plan(), seed=1)
    assert (found.columns, found.worst, found.score) == ((), None, None)
    assert found.notes == ("The spec names no protected column, so nothing can be audited.",)


@pytest.mark.parametrize(
    "decisions", [np.array(["approve", "refuse"], dtype=object), DECISIONS[:0]]
)
def test_other_words_and_no_rows_are_refused(decisions):
    with pytest.raises(ValueError, match="expected approve, decline, review"):
        audit(decisions, BAD[: len(decisions)], {}, plan(), seed=1)


def test_intervals_hold_their_estimate_repeat_and_are_as_wide_as_theory_says():
    decisions, bad, codes = rows((600, 200, 60, 140), (500, 300, 50, 150))
    groups = {"sex": Groups(("m", "f"), codes, ("m",))}
    found = audit(decisions, bad, groups, plan(samples=4000), seed=7)
    assert found == audit(decisions, bad, groups, plan(samples=4000), seed=7)
    female = found.columns[0].groups[1]
    for rate, rows_of_it in ((female.approval_rate, 1000), (female.good_approval_rate, 800)):
        half = 1.96 * np.sqrt(rate.value * (1 - rate.value) / rows_of_it)
        assert rate.low == pytest.approx(rate.value - half, abs=0.004)
        assert rate.high == pytest.approx(rate.value + half, abs=0.004)
    # The logarithm of a ratio of two rates has the variance (1 - p) / (n p) of each, summed.
    ratio = female.impact_ratio
    deviation = np.sqrt(0.45 / 550 + 0.34 / 660)
    assert np.log(ratio.high / ratio.low) == pytest.approx(2 * 1.96 * deviation, rel=0.06)


def test_the_gain_between_two_sets_of_approvals_is_paired():
    draw = np.random.default_rng(4)
    groups = {
        "sex": Groups(("m", "f"), draw.integers(0, 2, 800), ("m",)),
        "age": Groups(("a", "b", "c"), draw.integers(0, 3, 800)),
    }
    one = draw.random(800) < 0.7 - 0.1 * groups["sex"].codes
    other = one & (draw.random(800) < 1 - 0.3 * groups["sex"].codes)
    gain = worst_ratio_gain(one, other, groups, plan(samples=1000), seed=1)
    ratio_of_one, ratio_of_other = (
        worst_group(each, groups, plan()).ratio.value for each in (one, other)
    )
    assert gain.value == pytest.approx(ratio_of_one - ratio_of_other, abs=1e-12)
    gains = []
    for _ in range(400):
        rows_drawn = draw.integers(0, 800, 800)
        resampled = {name: part[rows_drawn] for name, part in groups.items()}
        ratios = [
            worst_group(each[rows_drawn], resampled, plan()).ratio.value for each in (one, other)
        ]
        gains.append(ratios[0] - ratios[1])
    np.testing.assert_allclose([gain.low, gain.high], np.quantile(gains, [0.025, 0.975]), atol=0.02)


def test_the_same_approvals_gain_nothing_and_nobody_judged_has_no_gain():
    approved = DECISIONS == "approve"
    nothing = worst_ratio_gain(approved, approved, {"sex": SEX}, plan(), seed=1)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    assert worst_ratio_gain(approved, approved, {"sex": SEX}, plan(fewest=99), seed=1) is None
    assert worst_ratio_gain(approved, approved, {}, plan(), seed=1) is None


def test_the_result_is_json_without_gaps_that_json_does_not_know():
    decisions, bad, codes = rows((0, 5, 0, 5), (5, 0, 0, 0), (1, 0, 0, 0))
    groups = {"sex": Groups(("m", "f", NOT_STATED), codes), "age": Groups(("a", "b"), codes % 2)}
    content = audit(decisions, bad, groups, plan(), seed=1).model_dump(mode="json")
    assert json.loads(json.dumps(content, allow_nan=False)) == content


tables = st.lists(st.tuples(*[st.integers(1, 30)] * 4), min_size=2, max_size=5)


@settings(max_examples=15, deadline=None)
@given(tables)
def test_the_numbers_are_those_of_fairlearn(table):
    from fairlearn.metrics import (
        MetricFrame,
        demographic_parity_difference,
        demographic_parity_ratio,
        equal_opportunity_difference,
        equalized_odds_difference,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )

    decisions, bad, codes = rows(*table)
    groups = Groups(tuple(f"g{code}" for code in range(len(table))), codes)
    (column,) = audit(decisions, bad, {"who": groups}, plan(samples=2), seed=1).columns
    y_true, y_pred = 1 - bad, (decisions == "approve").astype(int)
    frame = MetricFrame(
        metrics={"all": selection_rate, "good": true_positive_rate, "bad": false_positive_rate},
        y_true=y_true,
        y_pred=y_pred,
        sensitive_features=groups.labels,
    ).by_group
    for group in column.groups:
        np.testing.assert_allclose(
            [
                group.approval_rate.value,
                group.good_approval_rate.value,
                group.bad_approval_rate.value,
            ],
            frame.loc[group.group, ["all", "good", "bad"]].to_numpy(dtype=float),
            **TIGHT,
        )
    sides = {"sensitive_features": groups.labels}
    np.testing.assert_allclose(
        [
            column.parity_difference.value,
            column.opportunity_difference.value,
            column.odds_difference.value,
        ],
        [
            demographic_parity_difference(y_true, y_pred, **sides),
            equal_opportunity_difference(y_true, y_pred, **sides),
            equalized_odds_difference(y_true, y_pred, **sides),
        ],
        **TIGHT,
    )
    if len(table) == 2:
        ratio = demographic_parity_ratio(y_true, y_pred, **sides)
        np.testing.assert_allclose(column.worst.ratio.value, ratio, **TIGHT)
