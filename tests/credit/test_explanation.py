import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from credit.explanation import (
    Case,
    ExplanationError,
    GlobalExplanation,
    LimePlan,
    additive_contributions,
    agreement,
    choose_cases,
    explain_case,
    explain_globally,
    monotone_checks,
)
from credit.features import FeatureMap, Features, Vocabulary
from credit.lime import Lime
from credit.models import FAMILIES
from credit.spec import Schema
from tests import awkward

SCHEMA = Schema.model_validate(
    {
        "name": "tiny",
        "bad": {"target": "bad"},
        "columns": {
            "income": {"type": "number", "unit": "EUR", "monotone": "decreasing"},
            "delay": {
                "type": "integer",
                "unit": "months",
                "special": {-9: "no record"},
                "monotone": "increasing",
            },
            "home": {"type": "category", "levels": {"own": "owner", "rent": "tenant"}},
        },
    }
)
MAP = FeatureMap(SCHEMA, Vocabulary((("own", "rent"),)))
FEATURES = Features(
    np.array([[1000.0, 0], [2000, 1], [3000, -9], [np.nan, 2]]), np.array([[2], [3], [0], [1]])
)


@dataclass(frozen=True)
class Additive:
    """Contributions that are given, and a margin that is their sum."""

    table: np.ndarray
    base: float = -1.0
    error: float = 0.0

    def contributions(self, features):
        return self.table[: len(features)]

    def margin(self, features):
        return self.base + self.contributions(features).sum(axis=1) + self.error


TABLE = np.array([[0.3, -0.1, -0.2], [0.1, 0.1, 0.2], [-0.1, 0.4, 0.0], [-0.3, 0.2, 0.0]])


def test_global_explanation_by_hand():
    found = explain_globally(Additive(TABLE), MAP, FEATURES)
    assert (found.rows, found.base) == (4, -1.0)
    assert found.residual <= 1e-15
    by_name = {each.feature: each for each in found.features}
    assert by_name["income"].importance == pytest.approx(0.2)
    assert by_name["delay"].importance == pytest.approx(0.2)
    assert by_name["home"].importance == pytest.approx(0.1)
    assert found.importance == pytest.approx({"income": 0.4, "delay": 0.4, "home": 0.2})
    # Over the three known incomes contributions fall; over the delays 0, 1 and 2 they rise.
    assert by_name["income"].direction == pytest.approx(-1)
    assert by_name["delay"].direction == pytest.approx(1)
    assert by_name["home"].direction is None


def test_dependence_and_swarms_set_special_values_apart():
    found = explain_globally(Additive(TABLE), MAP, FEATURES)
    dependence = {each.feature: each for each in found.dependences}
    delay, home = dependence["delay"], dependence["home"]
    assert (delay.unit, delay.values) == ("months", (0.0, 1.0, 2.0))
    assert delay.contributions == (-0.1, 0.1, 0.2)
    assert [(each.level, each.rows, each.contribution) for each in delay.levels] == [
        ("no record", 1, 0.4)
    ]
    assert [(each.level, each.contribution) for each in dependence["income"].levels] == [
        ("missing", -0.3)
    ]
    assert home.values == ()
    assert {each.level: each.contribution for each in home.levels} == {
        "owner": -0.2,
        "tenant": 0.2,
        "missing": 0.0,
        "any other": 0.0,
    }
    swarm = {each.feature: each for each in found.swarms}
    assert swarm["delay"].ranks == (0.0, 0.5, None, 1.0)
    assert swarm["home"].ranks == (None,) * 4


def test_only_the_strongest_get_points():
    found = explain_globally(Additive(TABLE), MAP, FEATURES, top=1)
    assert len(found.features) == 3
    assert [each.feature for each in found.swarms] == [found.features[0].feature]
    assert [each.feature for each in found.dependences] == [found.features[0].feature]


def test_nothing_contributes():
    found = explain_globally(Additive(np.zeros((4, 3))), MAP, FEATURES)
    assert set(found.importance.values()) == {0.0}
    assert {each.direction for each in found.features} == {None}


def test_global_explanation_survives_json():
    found = explain_globally(Additive(TABLE), MAP, FEATURES)
    text = json.dumps(found.model_dump(mode="json"), allow_nan=False)
    assert GlobalExplanation.model_validate_json(text) == found


@pytest.mark.parametrize("error", [2e-6, -2e-6, np.nan, np.inf])
def test_contributions_that_do_not_add_up_are_refused(error):
    with pytest.raises(ExplanationError, match=r"miss the margin by .* at most 1e-06 is allowed"):
        additive_contributions(Additive(TABLE, error=error), FEATURES)
    with pytest.raises(ExplanationError):
        explain_globally(Additive(TABLE, error=error), MAP, FEATURES)
    lime = Lime.of(MAP, FEATURES)
    case = Case(title="", row=0, probability=0.1, decision="approve")
    with pytest.raises(ExplanationError):
        explain_case(
            Additive(TABLE, error=error),
            lime,
            FEATURES,
            case,
            LimePlan(samples=10, terms=2, seed=0),
        )


def test_a_small_residual_is_reported():
    _, residual = additive_contributions(Additive(TABLE, error=5e-7), FEATURES)
    assert residual == pytest.approx(5e-7)


# --- against shap's own explainers -------------------------------------------------------------


@dataclass(frozen=True)
class ShapTrees:
    """shap's TreeExplainer on a trained XGBoost model, columns added up to features."""

    model: object
    explainer: shap.TreeExplainer
    owners: np.ndarray

    @classmethod
    def of(cls, model, layout):
        special, one_hot = model.design.special, model.design.one_hot
        numbers = len(layout.numbers)
        owner = [*range(numbers), *special.positions, *(numbers + p for p in one_hot.positions)]
        owners = np.eye(numbers + len(layout.categories))[owner]
        return cls(model, shap.TreeExplainer(model.booster), owners)

    @property
    def base(self):
        return float(self.explainer.expected_value)

    def contributions(self, features):
        return self.explainer.shap_values(self.model.design.matrix(features)) @ self.owners

    def margin(self, features):
        return self.model.margin(features)


@pytest.fixture(scope="module")
def development():
    return awkward.development()


@pytest.fixture(scope="module")
def trees(development):
    family, train = FAMILIES["xgboost"], development.train
    params = {**family.defaults, "trees": 20, "learning_rate": 0.2}
    layout = development.feature_map.layout
    return ShapTrees.of(family.fit(train.features, train.bad, layout, params, 3), layout)


def test_global_explanation_agrees_with_shap(development, trees):
    features = development.test.features
    found = explain_globally(trees, development.feature_map, features)
    reference = trees.contributions(features)
    schema = development.feature_map.schema
    names = (*schema.number_features, *schema.category_features)
    expected = dict(zip(names, np.abs(reference).mean(axis=0), strict=True))
    assert {each.feature: each.importance for each in found.features} == pytest.approx(
        expected, abs=1e-15
    )
    sizes = [each.importance for each in found.features]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(found.importance.values()) == pytest.approx(1)
    assert found.importance["constant"] == 0
    # What the data were made from comes first, in the declared directions.
    assert {"income", "delay", "worst"} & {each.feature for each in found.features[:2]}
    income = next(each for each in found.features if each.feature == "income")
    known = ~np.isnan(features.numbers[:, 0])
    expected_direction = spearmanr(features.numbers[known, 0], reference[known, 0]).statistic
    assert income.direction == pytest.approx(expected_direction)
    assert income.direction < -0.9


@dataclass(frozen=True)
class Logistic:
    """A logistic model on the numbers, explained by shap's LinearExplainer."""

    coefficients: np.ndarray
    background: np.ndarray

    @property
    def _explainer(self):
        everyone = shap.maskers.Independent(self.background, max_samples=len(self.background))
        return shap.LinearExplainer((self.coefficients, -1.5), everyone)

    @property
    def base(self):
        return float(self._explainer.expected_value)

    def contributions(self, features):
        return self._explainer.shap_values(features.numbers)

    def margin(self, features):
        return features.numbers @ self.coefficients - 1.5


NUMBERS_ONLY = FeatureMap(
    Schema.model_validate(
        {
            "name": "numbers",
            "bad": {"target": "bad"},
            "columns": {name: {"type": "number"} for name in "abcdef"},
        }
    ),
    Vocabulary(()),
)


@pytest.fixture(scope="module")
def logistic():
    draw = np.random.default_rng(1)
    numbers = draw.normal(size=(400, 6)) * [1, 2, 3, 1, 1, 1]
    coefficients = np.array([1.0, -0.8, 0.4, 0.3, 0.0, -2.0])
    return Logistic(coefficients, numbers), Features(numbers, np.empty((400, 0), dtype=np.int64))


def test_linear_model_agrees_with_shap_and_with_theory(logistic):
    reasons, features = logistic
    found = explain_globally(reasons, NUMBERS_ONLY, features)
    importance = {each.feature: each for each in found.features}
    centred = (features.numbers - features.numbers.mean(axis=0)) * reasons.coefficients
    expected = np.abs(centred).mean(axis=0)
    assert [importance[name].importance for name in "abcdef"] == pytest.approx(expected, abs=1e-12)
    directions = [importance[name].direction for name in "abcdf"]
    assert directions == pytest.approx([1, -1, 1, 1, -1])
    assert importance["e"].direction is None


def test_lime_and_contributions_of_a_linear_model_agree(logistic):
    reasons, features = logistic
    lime = Lime.of(NUMBERS_ONLY, features)
    # A row whose values stand out, so that no sign hangs on the width of a quartile.
    row = int(np.argmax(np.abs(reasons.contributions(features))[:, [0, 1, 2, 3, 5]].min(axis=1)))
    case = Case(title="clear", row=row, probability=0.5, decision="review")
    found = explain_case(reasons, lime, features, case, LimePlan(samples=4000, terms=3, seed=7))
    assert found.agreement.top == 5
    assert found.agreement.same_sign == 1.0
    assert found.agreement.rank_correlation > 0.7
    assert len(found.lime.terms) == 3
    total = found.base + sum(each.contribution for each in found.contributions)
    assert total == pytest.approx(found.margin, abs=1e-6)
    sizes = [abs(each.contribution) for each in found.contributions]
    assert sizes == sorted(sizes, reverse=True)


def test_case_of_a_trained_model_is_the_same_every_time(development, trees):
    lime = Lime.of(development.feature_map, development.train.features)
    case = Case(title="first", row=0, probability=0.2, decision="approve")
    plan = LimePlan(samples=500, terms=4, seed=1)
    features = development.test.features
    found = explain_case(trees, lime, features, case, plan)
    assert explain_case(trees, lime, features, case, plan) == found
    assert found.margin == trees.margin(features[0:1])[0]
    json.dumps(found.model_dump(mode="json"), allow_nan=False)


# --- agreement and cases -------------------------------------------------------------------------


def test_agreement_by_hand():
    contributions, effects = np.array([0.5, -0.4, 0.0, 0.1]), np.array([0.2, 0.3, 0.1, 0.0])
    found = agreement(contributions, effects, top=5)
    # Three features contribute; of them only the first has the same sign in LIME.
    assert (found.top, found.same_sign) == (3, pytest.approx(1 / 3))
    # Sizes rank 4, 3, 1, 2 against 3, 4, 2, 1: 1 - 6 * 4 / (4 * 15).
    assert found.rank_correlation == pytest.approx(0.6)


def test_agreement_on_nothing():
    found = agreement(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert (found.top, found.same_sign, found.rank_correlation) == (0, None, None)


DECISIONS = np.array(["approve", "approve", "review", "decline", "decline", "decline"])
PROBABILITY = np.array([0.05, 0.09, 0.2, 0.3, 0.9, 0.02])


def test_cases_by_hand():
    """The last row is declined by a rule: the safest declined, whatever its probability."""
    found = choose_cases(PROBABILITY, DECISIONS, (0.1, 0.28))
    assert [(each.title, each.row) for each in found] == [
        ("Riskiest approved", 1),
        ("Safest declined", 5),
        ("Nearest to the limit of approval", 0),
        ("Nearest to the limit of decline", 3),
    ]
    assert (found[0].probability, found[0].decision) == (0.09, "approve")
    assert choose_cases(PROBABILITY, DECISIONS, (0.1, 0.28), most=2) == found[:2]
    assert choose_cases(PROBABILITY, DECISIONS, (0.1, 0.28), most=0) == ()


def test_one_threshold_gives_one_case_near_it():
    assert len(choose_cases(PROBABILITY, DECISIONS, (0.1, 0.1))) == 3


def test_a_decision_that_nobody_got_has_no_case():
    found = choose_cases(PROBABILITY, np.full(6, "review"), (0.1, 0.28))
    assert [each.title.split()[0] for each in found] == ["Nearest", "Nearest"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_cases_are_distinct_and_first_of_equals(probabilities, random):
    probability = np.array(probabilities)
    decisions = np.array([random.choice(["approve", "review", "decline"]) for _ in probabilities])
    found = choose_cases(probability, decisions, (0.3, 0.6))
    assert len({each.row for each in found}) == len(found)
    if found and found[0].title == "Riskiest approved":
        approved = np.flatnonzero(decisions == "approve")
        assert found[0].row == approved[np.argmax(probability[approved])]


# --- monotone directions -------------------------------------------------------------------------


def test_monotone_violations_by_hand():
    """The margin rises with income where it may only fall, but just for tenants (code 3)."""
    checks = monotone_checks(
        lambda features: (
            np.where(features.codes[:, 0] == 3, 1e-3, -1e-3) * np.nan_to_num(features.numbers[:, 0])
            + np.where(features.numbers[:, 1] < 0, 5.0, features.numbers[:, 1])
        ),
        MAP,
        FEATURES,
    )
    income, delay = checks
    assert (income.feature, income.direction, income.rows) == ("income", "decreasing", 4)
    assert income.violated == 0.25
    assert income.largest == pytest.approx(2.0)  # from 1,000 to 3,000
    # Special codes are never on the way, though the rows that have them are moved as well.
    assert (delay.feature, delay.violated, delay.largest) == ("delay", 0.0, 0.0)


def test_a_dent_on_the_way_counts_from_the_highest_point_before_it():
    numbers = np.column_stack([np.zeros(5), np.arange(5.0)])
    margins = np.array([0.0, 3.0, 2.0, 1.5, 4.0])
    checks = monotone_checks(
        lambda features: margins[features.numbers[:, 1].astype(int)],
        MAP,
        Features(numbers, np.full((5, 1), 2)),
        steps=5,
    )
    assert checks[1].violated == 1.0
    assert checks[1].largest == 1.5
    assert checks[0].violated == 0.0  # income has one value: there is no way to go


def test_rounding_is_no_violation():
    features = replace(FEATURES, numbers=np.column_stack([np.zeros(4), np.arange(4.0)]))
    checks = monotone_checks(lambda rows: -1e-10 * rows.numbers[:, 1], MAP, features)
    assert (checks[1].violated, checks[1].largest) == (0.0, pytest.approx(3e-10))


def test_a_feature_without_ordinary_values_cannot_go_wrong():
    nothing = Features(np.full((3, 2), np.nan), np.zeros((3, 1), dtype=np.int64))
    checks = monotone_checks(lambda rows: np.zeros(len(rows)), MAP, nothing)
    assert [check.violated for check in checks] == [0.0, 0.0]


def test_constrained_trees_keep_their_directions_and_a_turned_declaration_is_found(
    development, trees
):
    training = development.train.features
    kept = monotone_checks(trees.margin, development.feature_map, training, rows=100)
    assert [(check.feature, check.violated) for check in kept] == [("income", 0), ("delay", 0)]
    turned = monotone_checks(
        lambda features: -trees.margin(features), development.feature_map, training, rows=100
    )
    assert min(check.violated for check in turned) == 1.0


@settings(max_examples=25, deadline=None)
@given(slope=st.floats(-5, 5).filter(lambda slope: abs(slope) > 1e-3))
def test_a_linear_margin_violates_exactly_when_its_slope_does(slope):
    numbers = np.column_stack([np.zeros(6), np.arange(6.0)])
    checks = monotone_checks(
        lambda rows: slope * rows.numbers[:, 1], MAP, Features(numbers, np.full((6, 1), 2))
    )
    assert checks[1].violated == float(slope < 0)
    assert checks[1].largest == pytest.approx(max(0.0, -5 * slope))
