"""Rules in words pick the same rows as the leaves that they were read from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from credit.features import Features
from credit.models.design import TreeDesign
from credit.tree_rules import Condition, Words, leaves, round_cut
from tests import awkward


@pytest.fixture(scope="module")
def development():
    return awkward.development()


def tree(depth=3, fewest=20):
    return DecisionTreeRegressor(max_depth=depth, min_samples_leaf=fewest, random_state=0)


@pytest.mark.parametrize("seed", range(5))
def test_rules_part_the_rows_as_the_tree_does(development, seed):
    train = development.train
    target = train.bad + np.random.default_rng(seed).normal(size=len(train))
    grown = tree()
    rules = leaves(grown, development.feature_map, train.features, target)
    matrix = TreeDesign.of(development.feature_map.layout).matrix(train.features)
    leaf = grown.apply(matrix)
    picked = np.stack([rule.picks(train.features) for rule in rules])
    assert (picked.sum(axis=0) == 1).all()
    assert len(rules) == len(np.unique(leaf)) > 4
    for rows in picked:
        assert len(np.unique(leaf[rows])) == 1


def test_rules_part_rows_that_the_tree_has_not_seen(development):
    train, test = development.train, development.test
    rules = leaves(tree(4), development.feature_map, train.features, train.bad.astype(float))
    picked = np.stack([rule.picks(test.features) for rule in rules])
    assert (picked.sum(axis=0) == 1).all()


def planted(development, where):
    """The only rule among the leaves of a single split on a target that is 1 where planted."""
    features = development.train.features
    found = leaves(tree(1), development.feature_map, features, where.astype(float))
    return next(rule.text for rule in found if (rule.picks(features) == where).all())


def test_planted_rules_in_words(development):
    train = development.train
    schema, numbers = development.feature_map.schema, train.features.numbers
    delay = numbers[:, schema.number_features.index("delay")]
    income = numbers[:, schema.number_features.index("income")]
    home = train.applications.categories[:, schema.category_fields.index("home")]
    assert planted(development, delay >= 2) == "delay >= 2"
    assert planted(development, ~(delay >= 2)) == "delay < 2 (or missing or a special code)"
    assert planted(development, delay == -9) == "delay is no record (-9)"
    assert planted(development, delay != -9) == "delay is not no record (-9)"
    assert planted(development, np.isnan(income)) == "income is missing"
    assert planted(development, ~np.isnan(income)) == "income is not missing"
    assert planted(development, home == "rent") == "home is rent"


def test_a_tree_without_a_split_is_all_rows(development):
    features = development.train.features
    (rule,) = leaves(tree(), development.feature_map, features, np.zeros(len(features)))
    assert rule.text == "all rows"
    assert rule.picks(features).all()


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition(0, low=0.83, absent=False), "utilisation >= 0.83"),
        (Condition(0, high=0.5, absent=True), "utilisation < 0.5 (or missing)"),
        (Condition(0, 1.0, 2500.0, absent=False), "1 <= utilisation < 2,500"),
        (Condition(0, low=np.inf), "utilisation is missing"),
        (Condition(0, absent=False), "utilisation is not missing"),
    ],
)
def test_conditions_in_words(condition, text):
    assert Words("utilisation", absent="missing").say(condition) == text


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=30, unique=True),
    st.integers(0, 28),
)
def test_a_round_cut_parts_values_as_the_threshold_does(values, position):
    ordered = np.sort(np.array(values))
    position = min(position, len(ordered) - 2)
    threshold = (ordered[position] + ordered[position + 1]) / 2
    cut = round_cut(np.append(ordered, np.nan), threshold)
    assert (ordered < cut).tolist() == (ordered <= threshold).tolist()


def test_huge_numbers_have_a_cut(development):
    features = development.train.features
    numbers = features.numbers.copy()
    numbers[::2, 0] = 1e300
    found = leaves(
        tree(1),
        development.feature_map,
        Features(numbers, features.codes),
        np.resize([1.0, 0.0], len(numbers)),
    )
    assert (found[1].picks(Features(numbers, features.codes)) == (numbers[:, 0] == 1e300)).all()
