"""Examining a champion, on rows that lack what most data sets have."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from configs.settings import load_settings
from credit.assessment import assess
from credit.calibration import probability
from credit.examination import Incumbent, compare_with, examine
from credit.features import Applications, FeatureMap
from credit.policy import band
from credit.spec import Schema
from credit.training import train_family
from tests import awkward

DUMPED = awkward.SCHEMA.model_dump(mode="json", exclude_unset=True)
TEST_ROWS = awkward.rows(1500)[0][awkward.parts(1500) == "test"]


def changed(**keys: object) -> Schema:
    return Schema.model_validate(DUMPED | keys)


def train(by):
    return train_family("woe_logistic", awkward.preset(), by.development, awkward.plan())


@pytest.fixture(scope="module")
def by():
    return awkward.assessor()


@pytest.fixture(scope="module")
def trained(by):
    return train(by)


def examined(trained, by):
    return examine(trained, [(trained, assess(trained, by))], TEST_ROWS, by)


def test_everything_is_there(by, trained):
    found = examined(trained, by)
    assert found.exploration.rows == 900
    assert len(found.cross_validation.folds) == 3
    assert sum(each.rows for each in found.errors.confusion) == 300
    assert [each.column for each in found.proxies] == ["sex"]
    assert found.alternatives.chosen == "woe_logistic"
    assert found.stability.vintages == ()
    assert len(found.cases) == 3


def test_a_case_shows_what_rules_and_bands_decided_together(by, trained):
    """The rule declines all test rows and no validation row, so that bands approve some."""
    rule = {"when": "constant > 1", "decision": "decline", "reason": "the house rule"}
    feature_map = FeatureMap(changed(rules={"house": rule}), by.development.feature_map.vocabulary)
    ruled = replace(by, development=replace(by.development, feature_map=feature_map))
    strict = awkward.with_constant(ruled, 2.0)
    assert "approve" in band(assess(trained, strict).policy, trained.test)
    assert {each.case.decision for each in examined(trained, strict).cases} == {"decline"}


def test_folds_are_no_more_than_rows_of_a_class(by, trained):
    part = by.development.train
    bad = np.zeros_like(part.bad)
    bad[np.flatnonzero(part.bad)[:4]] = 1
    evaluation = by.evaluation.model_copy(update={"folds": 20})
    rare = replace(
        by,
        development=replace(by.development, train=replace(part, bad=bad)),
        evaluation=evaluation,
    )
    folds = examined(trained, rare).cross_validation.folds
    assert [fold.bads for fold in folds] == [1, 1, 1, 1]


def test_huge_values_among_test_rows_are_no_matter(by, trained):
    applications = by.test.part.applications
    numbers = applications.numbers.copy()
    numbers[::5, 2], numbers[1::5, 2] = 1e300, -1e300
    huge = Applications(numbers, applications.categories)
    features = by.development.feature_map(huge)
    test = replace(by.test.part, applications=huge, features=features)
    champion = replace(
        trained, test=probability(trained.calibrator, trained.model.margin(features))
    )
    strange = replace(by, test=replace(by.test, part=test))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        examined(champion, strange)


def test_without_protected_columns_there_is_nothing_to_audit():
    columns = {name: column for name, column in DUMPED["columns"].items() if name != "sex"}
    by = awkward.assessor(schema=changed(columns=columns))
    found = examined(train(by), by)
    assert found.proxies == ()
    assert found.alternatives.least_disparate is None


@pytest.mark.parametrize("left_out", [("home", "region"), ("number", "integer")])
def test_inputs_of_one_kind_are_enough(left_out):
    columns = {
        name: {**column, "role": "ignore"}
        if name in left_out or column["type"] in left_out
        else column
        for name, column in DUMPED["columns"].items()
    }
    by = awkward.assessor(schema=changed(columns=columns, derived={}))
    names = [column.name for column in examined(train(by), by).exploration.columns]
    assert names
    assert not {name for name in names if columns[name]["type"] in left_out}


def test_vintages_come_with_a_time_column():
    by = awkward.assessor(schema=changed(time="applied"))
    found = examined(train(by), by)
    assert sum(vintage.rows for vintage in found.stability.vintages) == 300


def test_a_champion_is_not_inferior_to_itself(by, trained):
    assessment = assess(trained, by)
    itself = Incumbent(trained.test, assessment.test)
    comparison, swap = compare_with(itself, trained, assessment, load_settings().promotion, by)
    assert comparison.non_inferior
    assert comparison.all_rows.auc.difference.value == 0
    assert comparison.all_rows.profit.difference.high == 0
    assert swap.swapped_in.applications == swap.swapped_out.applications == 0
