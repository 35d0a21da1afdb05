from typing import get_args

import pytest

from configs.settings import load_settings
from credit.plan import Bayesian, FamilyName, FamilyPlan, Grid, Preset
from tasks.fitting import trials_planned


def test_grid_is_every_combination():
    grid = FamilyPlan(search=Grid(values={"C": (0.1, 1.0, 10.0), "bins": (6, 12)}))
    preset = Preset(folds=2, families={"woe_logistic": grid})
    assert trials_planned("woe_logistic", preset) == 6


def test_bayesian_says_how_many():
    search = Bayesian(trials=7, values={"depth": (1, 2)})
    preset = Preset(folds=2, families={"xgboost": FamilyPlan(search=search)})
    assert trials_planned("xgboost", preset) == 7


@pytest.mark.parametrize("name", ["quick", "full"])
def test_every_family_of_the_presets_is_counted(name):
    preset = load_settings().training.presets[name]
    assert all(trials_planned(family, preset) > 0 for family in get_args(FamilyName))
