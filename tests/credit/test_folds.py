"""Cross-validation: every row is judged by models that have not seen it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from credit.features import Features
from credit.folds import CrossValidation, cross_validate
from credit.models import FAMILIES
from credit.models.family import Family
from credit.search import CrossValidation as Search
from tests import awkward

FAMILY = FAMILIES["woe_logistic"]
FEWEST_BADS = 1000


@pytest.fixture(scope="module")
def development():
    return awkward.development()


@pytest.fixture(scope="module")
def validated(development):
    return run(development, development.train.features, development.train.bad)


def run(development, features, bad, seed=5):
    layout = development.feature_map.layout
    return cross_validate(FAMILY, FAMILY.defaults, features, bad, layout, 5, seed, FEWEST_BADS)


def test_folds_hold_every_row_once_and_equally_many_bads(validated, development):
    folds, bad = validated.report.folds, development.train.bad
    assert sum(fold.rows for fold in folds) == len(bad)
    assert sum(fold.bads for fold in folds) == bad.sum()
    bads = [fold.bads for fold in folds]
    assert max(bads) - min(bads) <= 1
    assert np.isfinite(validated.probability).all()


def test_aucs_are_those_of_the_search_on_the_same_folds(validated, development):
    train, layout = development.train, development.feature_map.layout
    search = Search(FAMILY, train.features, train.bad, layout, 5, 5)
    trial = search.run(FAMILY.defaults, lambda step, auc: False, lambda trial: None)
    found = [fold.metrics["auc"] for fold in validated.report.folds]
    assert found == pytest.approx(list(trial.aucs), abs=1e-12)
    assert validated.report.mean["auc"] == pytest.approx(trial.auc)


def test_mean_and_deviation_are_over_folds(validated):
    report = validated.report
    for name in ("auc", "brier", "calibration_slope"):
        values = [fold.metrics[name] for fold in report.folds]
        assert report.mean[name] == pytest.approx(np.mean(values))
        assert report.deviation[name] == pytest.approx(np.std(values, ddof=1))


def test_labels_that_nothing_explains_are_not_explained(development):
    draw = np.random.default_rng(9)
    bad = draw.permutation(development.train.bad)
    found = run(development, development.train.features, bad)
    assert found.report.mean["auc"] == pytest.approx(0.5, abs=0.06)
    assert roc_auc_score(bad, found.probability) < 0.56


def test_probabilities_are_calibrated_out_of_fold(validated, development):
    assert validated.probability.mean() == pytest.approx(development.train.bad_rate, abs=0.01)
    assert validated.report.mean["calibration_slope"] == pytest.approx(1, abs=0.2)


def test_nothing_is_drawn_without_a_seed(validated, development):
    train = development.train
    again = run(development, train.features, train.bad)
    other = run(development, train.features, train.bad, seed=6)
    assert np.array_equal(again.probability, validated.probability)
    assert not np.array_equal(other.probability, validated.probability)


@pytest.mark.parametrize("name", ["woe_logistic", "xgboost", "random_forest"])
def test_folds_side_by_side_give_the_same(name, development):
    train, family = development.train, FAMILIES[name]
    params = {**family.defaults, "trees": 10} if "trees" in family.defaults else family.defaults
    arguments = (family, params, train.features, train.bad, development.feature_map.layout, 3, 1)
    with ThreadPoolExecutor(3) as pool:
        beside = cross_validate(*arguments, FEWEST_BADS, pool.map)
    after = cross_validate(*arguments, FEWEST_BADS)
    assert np.array_equal(beside.probability, after.probability)


def test_no_model_sees_the_rows_that_it_is_measured_on(development):
    """Its folds' models are asked about no row that they were fitted on."""
    train = development.train
    seen = []

    def fit(features, bad, layout, params, seed):
        remembered = {row.tobytes() for row in features.numbers}
        seen.append(len(remembered))
        return Memory(remembered)

    family = Family("Memory", "log-odds", {}, fit)
    distinct = np.arange(len(train), dtype=float)[:, np.newaxis]
    features = Features(distinct, train.features.codes)
    cross_validate(family, {}, features, train.bad, development.feature_map.layout, 5, 1, 1000)
    assert sum(seen) == 4 * len(train)


class Memory:
    """Fails when asked about a row that it was fitted on."""

    def __init__(self, remembered):
        self.remembered = remembered

    def margin(self, features):
        assert not any(row.tobytes() in self.remembered for row in features.numbers)
        return np.linspace(-1, 1, len(features))


def test_a_report_survives_json(validated):
    report = validated.report
    assert CrossValidation.model_validate_json(report.model_dump_json()) == report
