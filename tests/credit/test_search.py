"""Search is repeatable, pruned and honest about what it was given."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from credit.models import FAMILIES
from credit.plan import FamilyPlan, PlanError
from credit.search import search
from tests.awkward import development

DEVELOPMENT = development(600)
TRAIN, LAYOUT = DEVELOPMENT.train, DEVELOPMENT.feature_map.layout


def run(family, plan, folds=3, seed=11):
    seen = []
    found = search(
        FAMILIES[family],
        FamilyPlan.model_validate(plan),
        TRAIN.features,
        TRAIN.bad,
        LAYOUT,
        folds,
        seed,
        seen.append,
    )
    assert seen == list(found.trials)
    return found


def test_a_grid_tries_every_combination_once():
    found = run(
        "woe_logistic", {"search": {"method": "grid", "values": {"C": [0.1, 1.0], "bins": [4, 8]}}}
    )
    tried = [(trial.params["C"], trial.params["bins"]) for trial in found.trials]
    assert tried == [(0.1, 4), (0.1, 8), (1.0, 4), (1.0, 8)]
    assert found.params == max(found.trials, key=lambda trial: trial.auc).params


def test_out_of_fold_margins_cover_every_row_and_score_as_the_trial_says():
    found = run("woe_logistic", {"search": {"method": "grid", "values": {"C": [1.0]}}}, folds=2)
    assert not np.isnan(found.margin).any()
    pooled = roc_auc_score(TRAIN.bad, found.margin)
    assert pooled == pytest.approx(found.trials[0].auc, abs=0.03)


BAYESIAN = {
    "fixed": {"trees": 15},
    "search": {
        "method": "bayesian",
        "trials": 10,
        "values": {
            "learning_rate": {"low": 0.001, "high": 0.3, "log": True},
            "depth": {"low": 1, "high": 4, "integer": True},
            "subsample": [0.5, 1.0],
        },
    },
}


def test_bayesian_search_is_repeatable_and_prunes():
    one, other = run("xgboost", BAYESIAN), run("xgboost", BAYESIAN)
    assert one.trials == other.trials
    assert any(trial.pruned and len(trial.aucs) < 3 for trial in one.trials)
    assert all(trial.params["trees"] == 15 for trial in one.trials)
    assert {trial.params["subsample"] for trial in one.trials} == {0.5, 1.0}


def test_a_pruned_trial_never_wins():
    found = run("xgboost", BAYESIAN)
    finished = [trial for trial in found.trials if not trial.pruned]
    assert found.params == max(finished, key=lambda trial: trial.auc).params


def test_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(PlanError, match=r"has no parameter trees; it has C, bins"):
        run("woe_logistic", {"search": {"method": "grid", "values": {"trees": [1]}}})
