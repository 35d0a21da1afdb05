"""How a family would decide: chosen on validation, measured on test, whatever the rows are like."""

from dataclasses import replace

import numpy as np
import pytest

from credit.assessment import Assessor, assess
from credit.features import FeatureMap
from credit.policy import DECISIONS
from credit.reasons import ReasonModel
from credit.training import TrainingError, train_family
from tests import awkward


@pytest.fixture(scope="module")
def by() -> Assessor:
    return awkward.assessor()


@pytest.fixture(scope="module")
def trained(by):
    return train_family("woe_logistic", awkward.preset(), by.development, awkward.plan())


def with_rule(by: Assessor, when: str, decision: str = "decline") -> Assessor:
    rule = {"when": when, "decision": decision, "reason": "the house rule"}
    schema = awkward.SCHEMA.model_validate(
        awkward.SCHEMA.model_dump(mode="json", exclude_unset=True) | {"rules": {"house": rule}}
    )
    development = by.development
    feature_map = FeatureMap(schema, development.feature_map.vocabulary)
    return replace(by, development=replace(development, feature_map=feature_map))


def all_good(by: Assessor) -> Assessor:
    """Nobody of the validation part defaults, so that every probability is approved."""
    part = by.validation.part
    return replace(
        by, validation=replace(by.validation, part=replace(part, bad=np.zeros_like(part.bad)))
    )


def test_what_is_chosen_does_not_know_how_test_rows_turned_out(by, trained):
    turned = replace(by.test, part=replace(by.test.part, bad=1 - by.test.part.bad))
    found, other = assess(trained, by), assess(trained, replace(by, test=turned))
    assert found.policy == other.policy
    assert found.reason_model == other.reason_model
    assert found.impact != other.impact


def test_the_same_family_is_assessed_alike_every_time(by, trained):
    one, other = assess(trained, by), assess(trained, by)
    assert one.policy.to_json() == other.policy.to_json()
    assert one.reason_model == other.reason_model
    assert one.explanation == other.explanation
    assert one.fairness == other.fairness
    assert one.given == other.given


def test_where_nothing_is_declined_no_reasons_are_given(by, trained):
    found = assess(trained, all_good(by))
    assert set(found.test.decision.tolist()) == {"approve"}
    assert found.given == ()
    assert found.reason_quality.applications == 0
    assert found.reason_quality.given_hold is None


def test_reasons_of_the_model_are_not_given_for_what_a_rule_declines(by, trained):
    strict = with_rule(all_good(by), "constant > 1")
    found = assess(trained, awkward.with_constant(strict, 2.0))
    assert set(found.test.decision.tolist()) == {"decline"}
    assert found.given == ()


def test_where_nobody_is_approved_the_safest_quarter_is_usual(by, trained):
    found = assess(trained, with_rule(by, "constant > 0"))
    assert set(found.test.decision.tolist()) == {"decline"}
    assert found.impact.bad_rate is None
    assert found.fairness.score is None
    model = ReasonModel.from_bytes(found.reason_model, by.development.feature_map.schema)
    safest = trained.validation <= np.quantile(trained.validation, 0.25)
    contributions = model.contributions(by.validation.part.features[safest])
    np.testing.assert_allclose(contributions.mean(axis=0), 0, atol=1e-9)


def test_the_reference_is_of_all_rows_and_what_was_said_of_rows_that_did_not_train(by, trained):
    found, parts = assess(trained, by), (by.train, by.validation, by.test)
    reference = found.reference
    assert reference.rows == sum(len(each.part) for each in parts)
    assert list(reference.columns) == [each.name for each in layout(by)]
    assert reference.probability.rows == len(by.validation.part) + len(by.test.part)
    served = np.concatenate([trained.validation, trained.test])
    assert reference.probability.mean == pytest.approx(served.mean(), abs=1e-6)
    decided = np.concatenate([found.validation.decision, found.test.decision])
    assert reference.decisions == {name: (decided == name).sum() for name in DECISIONS}
    assert reference.importance == found.explanation.importance
    assert reference.threshold == found.policy.decline_above
    assert reference.baseline is not None
    assert reference.baseline.rows == (found.test.decision == "approve").sum()
    assert reference.to_json() == assess(trained, by).reference.to_json()


def layout(by: Assessor):
    found = by.development.feature_map.layout
    return (*found.numbers, *found.categories)


def test_where_newer_applications_are_given_they_are_normal(by, trained):
    newest = by.test.part.applications[:100]
    found, usual = assess(trained, replace(by, newest=newest)), assess(trained, by)
    reference = found.reference
    assert reference.rows == reference.probability.rows == 100
    assert (reference.importance, reference.baseline) == (
        usual.reference.importance,
        usual.reference.baseline,
    )
    assert found.policy == usual.policy


def test_an_error_names_the_family(by, trained):
    another = replace(trained, test=np.clip(trained.test + 0.01, 0, 1))
    with pytest.raises(TrainingError, match=r"^woe_logistic: reason model and package differ by"):
        assess(another, by)
