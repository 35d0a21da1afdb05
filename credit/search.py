"""Search for a family's parameters by cross-validation, keeping out-of-fold margins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import optuna
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.labels import BadArray
from credit.models.family import Family, Params
from credit.plan import Bayesian, FamilyPlan, Grid, PlanError, Range, Value

PRUNE_AFTER_TRIALS = 4


@dataclass(frozen=True)
class Trial:
    """One candidate: its parameters, the AUC of each fold that was run, whether it was pruned."""

    number: int
    params: dict[str, Value]
    aucs: tuple[float, ...]
    pruned: bool

    @property
    def auc(self) -> float:
        """Mean AUC over the folds that were run."""
        return float(np.mean(self.aucs))


@dataclass(frozen=True)
class SearchResult:
    """The best parameters, every trial, and the best trial's out-of-fold margins [rows]."""

    params: dict[str, Value]
    trials: tuple[Trial, ...]
    margin: FloatArray


OnTrial = Callable[[Trial], None]


class CrossValidation:
    """Fits candidates on the same stratified folds and remembers the best."""

    def __init__(
        self,
        family: Family,
        features: Features,
        bad: BadArray,
        layout: Layout,
        folds: int,
        seed: int,
        weights: FloatArray | None = None,
    ):
        self._family, self._features, self._bad = family, features, bad
        self._weights = weights
        self._layout, self._seed = layout, seed
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
        self._folds = list(splitter.split(np.zeros(len(bad)), bad))
        self.trials: list[Trial] = []
        self._best: tuple[float, Params, FloatArray] | None = None

    def run(self, params: Params, prune: Callable[[int, float], bool], on_trial: OnTrial) -> Trial:
        """Fit one candidate on each fold until `prune(folds done, mean AUC)` says to stop."""
        margin, aucs, pruned = np.full(len(self._bad), np.nan), [], False
        for step, (fitted, held_out) in enumerate(self._folds, 1):
            model = self._family.fit(
                self._features[fitted],
                self._bad[fitted],
                self._layout,
                params,
                self._seed,
                weights=None if self._weights is None else self._weights[fitted],
            )
            margin[held_out] = model.margin(self._features[held_out])
            aucs.append(float(roc_auc_score(self._bad[held_out], margin[held_out])))
            pruned = step < len(self._folds) and prune(step, float(np.mean(aucs)))
            if pruned:
                break
        trial = Trial(len(self.trials), dict(params), tuple(aucs), pruned)
        self.trials.append(trial)
        if not pruned and (self._best is None or trial.auc > self._best[0]):
            self._best = (trial.auc, params, margin)
        on_trial(trial)
        return trial

    @property
    def result(self) -> SearchResult:
        """What the search found; at least one trial must have run all its folds."""
        if self._best is None:
            raise ValueError("no trial ran to its end")
        _, params, margin = self._best
        return SearchResult(dict(params), tuple(self.trials), margin)


def search(
    family: Family,
    plan: FamilyPlan,
    features: Features,
    bad: BadArray,
    layout: Layout,
    folds: int,
    seed: int,
    on_trial: OnTrial,
    weights: FloatArray | None = None,
) -> SearchResult:
    """Search as the plan says; the same inputs give the same trials.

    Weights [rows] are for fitting; candidates are compared on the rows as they are.

    Raises:
        PlanError: the plan names a parameter that the family does not have.
    """
    _refuse_unknown(family, plan)
    validation = CrossValidation(family, features, bad, layout, folds, seed, weights)
    fixed = {**family.defaults, **plan.fixed}
    if isinstance(plan.search, Grid):
        for chosen in _combinations(plan.search):
            validation.run({**fixed, **chosen}, lambda step, auc: False, on_trial)
    else:
        _run_bayesian(validation, plan.search, fixed, seed, on_trial)
    return validation.result


def _refuse_unknown(family: Family, plan: FamilyPlan) -> None:
    unknown = sorted((plan.fixed.keys() | plan.search.values.keys()) - family.defaults.keys())
    if unknown:
        raise PlanError(
            f"{family.title} has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(family.defaults)}"
        )


def _combinations(grid: Grid) -> Iterator[dict[str, Value]]:
    for values in product(*grid.values.values()):
        yield dict(zip(grid.values, values, strict=True))


def _run_bayesian(
    validation: CrossValidation, plan: Bayesian, fixed: Params, seed: int, on_trial: OnTrial
) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=PRUNE_AFTER_TRIALS),
    )

    def objective(trial: optuna.Trial) -> float:
        def prune(step: int, auc: float) -> bool:
            trial.report(auc, step)
            return trial.should_prune()

        chosen = {name: _suggest(trial, name, space) for name, space in plan.values.items()}
        done = validation.run({**fixed, **chosen}, prune, on_trial)
        if done.pruned:
            raise optuna.TrialPruned
        return done.auc

    study.optimize(objective, n_trials=plan.trials)


def _suggest(trial: optuna.Trial, name: str, space: Range | tuple[Value, ...]) -> Value:
    if isinstance(space, Range) and space.integer:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    if isinstance(space, Range):
        return trial.suggest_float(name, space.low, space.high, log=space.log)
    position = trial.suggest_categorical(name, range(len(space)))
    return space[position]
