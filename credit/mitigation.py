"""Mitigation of disparity in training; off unless the plan asks for it.

Both methods read the protected columns of training and validation rows, and only to weigh training
rows. The model that comes out reads the same inputs as any other and decides without drawing lots.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from credit.alternatives import Candidate, approve_safest, compare_alternatives
from credit.calibration import calibrate
from credit.expressions import FloatArray
from credit.fairness import Worst, worst_group
from credit.features import Features, Layout
from credit.groups import Groups, cross
from credit.labels import BadArray
from credit.models import FAMILIES
from credit.models.family import Family, Model, Params
from credit.plan import FairnessPlan, FamilyName, Preset, TrainingPlan
from credit.search import CrossValidation, Trial
from credit.training import (
    Development,
    FittedFamily,
    Part,
    TrainedFamily,
    fit_family,
    measure_family,
    train_family,
)

CANDIDATES = 9
# Below 1 a multiplier weighs labels; from 1 on it would turn labels of the group around.
LARGEST_SHIFT = 0.9


@dataclass(frozen=True)
class PartGroups:
    """The groups by protected column of the training and the validation rows."""

    train: Mapping[str, Groups]
    validation: Mapping[str, Groups]


def train_mitigated(
    name: FamilyName,
    preset: Preset,
    development: Development,
    groups: PartGroups,
    plan: TrainingPlan,
    fairness: FairnessPlan,
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedFamily:
    """`train_family` with the plan's mitigation.

    Calibration stays to the rows as they are, so that probabilities remain honest. Parameters are
    searched with the weights of reweighing, and without weights for the grid search, which costs
    nine more fits and one more cross-validation.

    Raises:
        TrainingError: the graph and the model differ by more than 1e-5 on a test row.
    """
    if fairness.mitigation == "none" or not groups.train:
        return train_family(name, preset, development, plan, on_trial)
    train, layout = development.train, development.feature_map.layout
    weights = None
    if fairness.mitigation == "reweighing":
        weights = reweighing(joint(groups.train, fairness.fewest_per_group), train.bad)
    fitted = fit_family(name, preset, train.features, train.bad, layout, plan, on_trial, weights)
    if fairness.mitigation == "grid_search":
        fitted = grid_search(name, fitted, preset.folds, development, groups, plan, fairness)
    return measure_family(name, fitted, development, plan)


def joint(groups: Mapping[str, Groups], fewest: int) -> Groups:
    """All columns crossed at once; groups of fewer than `fewest` rows are pooled into one."""
    everything = reduce(cross, groups.values())
    small = everything.rows < fewest
    kept = tuple(name for name, pooled in zip(everything.names, small, strict=True) if not pooled)
    places = np.where(small, len(kept), np.cumsum(~small) - 1)
    return Groups((*kept, "all other"), places[everything.codes])


def reweighing(groups: Groups, bad: BadArray) -> FloatArray:
    """Weights [rows] that make group and label independent.

    Each row weighs its group's share times its label's share, divided by the share of both together
    (Kamiran and Calders, Data preprocessing techniques for classification without discrimination,
    2012), scaled to mean 1. The weighted bad rate of every group with both labels is then the same.

    >>> groups = Groups(("a", "b"), np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    >>> reweighing(groups, np.array([1, 0, 0, 0, 1, 1, 1, 0])).round(3).tolist()
    [2.0, 0.667, 0.667, 0.667, 0.667, 0.667, 0.667, 2.0]
    """
    cells = 2 * groups.codes + bad
    both = np.bincount(cells, minlength=2 * len(groups.names))
    labels = np.bincount(bad, minlength=2)
    weights = groups.rows[groups.codes] * labels[bad] / both[cells]
    return np.asarray(weights / weights.mean())


def grid_search(
    name: FamilyName,
    fitted: FittedFamily,
    folds: int,
    development: Development,
    groups: PartGroups,
    plan: TrainingPlan,
    fairness: FairnessPlan,
) -> FittedFamily:
    """The least disparate of nine models that weigh the worst-off group's outcomes differently.

    The reduction of Agarwal et al. (A reductions approach to fair classification, 2018, section
    3.4) by fairlearn's GridSearch under demographic parity, between the group with the lowest
    adverse-impact ratio on validation and all other rows. The multipliers stay where they weigh
    labels and turn none around: the model remains one of default. Of the models whose AUC on
    validation is within the plan's tolerance of the best, the least disparate is taken, when each
    approves as many rows as are good. `fitted` comes back when none is better.
    """
    worst = _worst(fitted.model, development.validation, groups.validation, fairness)
    if worst is None:
        return fitted
    train, validation = development.train, development.validation
    estimator = _Estimator(
        FAMILIES[name], train.features, development.feature_map.layout, fitted.params, plan.seed
    )
    belongs = groups.train[worst.column].labels == worst.group
    candidates = _fit_grid(estimator, train.bad, belongs)
    best = _least_disparate(fitted, candidates, validation, groups.validation, fairness, plan.seed)
    if best is None:
        return fitted
    run = CrossValidation(
        estimator.family,
        train.features,
        train.bad,
        estimator.layout,
        folds,
        plan.seed,
        best.weights,
    )
    trial = run.run(fitted.params, lambda step, auc: False, lambda trial: None)
    calibrator = calibrate(
        run.result.margin,
        train.bad,
        estimator.family.scale,
        plan.calibration.fewest_bads_for_isotonic,
    )
    trial = replace(trial, number=len(fitted.trials))
    return FittedFamily(fitted.params, (*fitted.trials, trial), best.fitted, calibrator)


def _worst(
    model: Model, part: Part, groups: Mapping[str, Groups], fairness: FairnessPlan
) -> Worst | None:
    return worst_group(_approved(model, part), groups, fairness)


def _approved(model: Model, part: Part) -> NDArray[np.bool_]:
    """As many of the safest rows as are good."""
    return approve_safest(model.margin(part.features), 1 - part.bad_rate)


@dataclass
class _Estimator:
    """A family as scikit-learn would have it, on rows given by their numbers.

    Rows are numbers so that features keep their gaps and codes: fairlearn passes them on as they
    are. It asks for labels only to choose by a rule that is not used here.
    """

    family: Family
    features: Features
    layout: Layout
    params: Params
    seed: int
    weights: FloatArray = field(default_factory=lambda: np.empty(0))

    def fit(
        self, rows: NDArray[np.int64], bad: NDArray[np.int64], sample_weight: NDArray[np.float64]
    ) -> "_Estimator":
        weights = np.asarray(sample_weight, dtype=np.float64)
        self.weights = weights / weights.mean()
        self.fitted = self.family.fit(
            self.features[rows[:, 0]],
            np.asarray(bad, dtype=np.int8),
            self.layout,
            self.params,
            self.seed,
            weights=self.weights,
        )
        return self

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.zeros(len(rows), dtype=np.int64)


def _fit_grid(estimator: _Estimator, bad: BadArray, belongs: NDArray[np.bool_]) -> list[_Estimator]:
    """A model for each multiplier, from favouring the group to disfavouring it."""
    from fairlearn.reductions import DemographicParity, GridSearch

    share = float(belongs.mean())
    if share in (0.0, 1.0):
        return []
    search = GridSearch(
        estimator,
        DemographicParity(),
        grid_size=CANDIDATES,
        grid_limit=LARGEST_SHIFT * min(1.0, (1 - share) / share),
    )
    rows = np.arange(len(bad))[:, np.newaxis]
    search.fit(rows, bad, sensitive_features=belongs)
    return list(search.predictors_)


def _least_disparate(
    fitted: FittedFamily,
    estimators: Sequence[_Estimator],
    part: Part,
    groups: Mapping[str, Groups],
    fairness: FairnessPlan,
    seed: int,
) -> _Estimator | None:
    """The estimator to take instead of the fitted model; None when the model itself is it."""
    models = {"as fitted": fitted.model}
    models |= {str(place): estimator.fitted for place, estimator in enumerate(estimators)}
    candidates = [
        Candidate(name, model.margin(part.features), _approved(model, part))
        for name, model in models.items()
    ]
    found = compare_alternatives(candidates, "as fitted", part.bad, groups, fairness, seed)
    if found.least_disparate in (None, "as fitted"):
        return None
    return estimators[int(found.least_disparate)]
