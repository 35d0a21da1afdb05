"""The least disparate candidate within the tolerance, and what it costs."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from credit.alternatives import Candidate, approve_safest, compare_alternatives
from credit.groups import Groups
from credit.plan import FairnessPlan

BAD = np.array([0, 0, 0, 1, 0, 0, 0, 1], dtype=np.int8)
SEX = {"sex": Groups(("m", "f"), np.array([0, 0, 0, 0, 1, 1, 1, 1]), ("m",))}

# AUC 12/12, men approved 3 of 4, women 1 of 4; AUC 11/12, both 2 of 4; AUC 6/12, both 4 of 4.
UNEVEN = Candidate(
    "uneven", np.array([1, 2, 3, 7, 4, 5, 6, 8]) / 10, np.array([1, 1, 1, 0, 1, 0, 0, 0]) == 1, 500
)
EVEN = Candidate(
    "even", np.array([1, 3, 7, 6, 2, 4, 5, 8]) / 10, np.array([1, 1, 0, 0, 1, 1, 0, 0]) == 1, 380
)
BLIND = Candidate("blind", np.full(8, 0.3), np.ones(8, dtype=bool))


def plan(tolerance, fewest=1) -> FairnessPlan:
    return FairnessPlan(
        fewest_per_group=fewest,
        least_impact_ratio=0.8,
        auc_tolerance=tolerance,
        bootstrap_samples=200,
    )


def compare(tolerance, fewest=1, chosen="uneven"):
    return compare_alternatives([UNEVEN, EVEN, BLIND], chosen, BAD, SEX, plan(tolerance, fewest), 1)


def test_the_least_disparate_within_the_tolerance_is_named_with_its_cost():
    found = compare(0.09)
    assert found.least_disparate == "even"
    by_name = {one.name: one for one in found.candidates}
    assert [one.auc for one in (by_name["uneven"], by_name["even"], by_name["blind"])] == [
        1,
        pytest.approx(11 / 12),
        0.5,
    ]
    assert by_name["uneven"].impact_ratio == pytest.approx(1 / 3)
    assert (by_name["even"].impact_ratio, by_name["even"].approval_rate) == (1, 0.5)
    assert by_name["even"].auc_cost == pytest.approx(1 / 12)
    assert by_name["even"].profit_cost == 120
    assert (by_name["blind"].profit_cost, by_name["blind"].within_tolerance) == (None, False)
    assert found.gain.value == pytest.approx(2 / 3)
    assert found.gain.low < 0.5 < found.gain.high
    gain = f"{found.gain.low:+.3f} to {found.gain.high:+.3f}"
    assert found.sentence == (
        "even is less disparate than uneven, the model chosen: its worst adverse-impact ratio is "
        f"1.000 instead of 0.333 (95% interval of the gain {gain}). It is within 0.09 of the best "
        "AUC; with it AUC changes by -0.0833 and profit by -120. Nothing is changed without a "
        "person's decision."
    )


def test_a_narrow_tolerance_leaves_the_chosen_one():
    found = compare(0.05)
    assert found.least_disparate == "uneven"
    assert found.sentence == (
        "uneven, the model chosen, is the least disparate one within 0.05 of the best AUC."
    )
    assert [one.name for one in found.candidates] == ["even", "blind", "uneven"]


def test_of_equals_the_chosen_one_stays():
    twin = replace(EVEN, name="a twin")
    for chosen in ("even", "a twin"):
        found = compare_alternatives([EVEN, twin], chosen, BAD, SEX, plan(0.1), 1)
        assert (found.least_disparate, found.gain) == (chosen, None)


def test_without_a_group_large_enough_there_is_no_answer():
    found = compare(0.09, fewest=5)
    assert found.least_disparate is None
    assert found.sentence.startswith("No group is large enough")


def test_a_stranger_cannot_be_the_chosen_one():
    with pytest.raises(ValueError, match="'none' is not among the candidates uneven, even, blind"):
        compare(0.1, chosen="none")


def test_the_auc_is_that_of_scikit_learn():
    draw = np.random.default_rng(3)
    bad, probability = draw.integers(0, 2, 200).astype(np.int8), draw.random(200).round(1)
    groups = {"sex": Groups(("m", "f"), draw.integers(0, 2, 200))}
    candidate = Candidate("one", probability, approve_safest(probability, 0.6))
    (found,) = compare_alternatives([candidate], "one", bad, groups, plan(0.1), 1).candidates
    assert found.auc == roc_auc_score(bad, probability)
    assert found.approval_rate == 0.6
