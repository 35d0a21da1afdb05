"""Cross-validation of a family at its chosen parameters: how much its quality depends on luck."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from credit.calibration import calibrate, probability
from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.labels import BadArray
from credit.metrics import point_estimates
from credit.models.family import Family, Params
from credit.spec import Frozen

IndexArray = NDArray[np.int64]
FitEach: TypeAlias = Callable[
    [Callable[[IndexArray], FloatArray], Iterable[IndexArray]], Iterable[FloatArray]
]


class Fold(Frozen):
    """One fold, measured by a model that was fitted on the others."""

    rows: int
    bads: int
    metrics: dict[str, float]


class CrossValidation(Frozen):
    """Every fold, and mean and sample standard deviation over them, by metric."""

    folds: tuple[Fold, ...]
    mean: dict[str, float]
    deviation: dict[str, float]


@dataclass(frozen=True)
class CrossValidated:
    """What cross-validation measured, and each row's out-of-fold probability of default [rows]."""

    report: CrossValidation
    probability: FloatArray


def cross_validate(
    family: Family,
    params: Params,
    features: Features,
    bad: BadArray,
    layout: Layout,
    folds: int,
    seed: int,
    fewest_bads_for_isotonic: int,
    fit_each: FitEach = map,
) -> CrossValidated:
    """Fit on all folds but one and measure on that one, for each in turn.

    Folds are stratified. The calibrator of a fold is fitted on the out-of-fold margins of the
    others, so that no row is scored by anything that its own label was fitted to. Parameters are
    not searched again: what is measured is the chosen model, not the search. `fit_each` may be the
    `map` of a thread pool, which fits folds side by side; the result is the same.
    """
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    held_out = [rows for _, rows in splitter.split(np.zeros(len(bad)), bad)]

    def out_of_fold(rows: IndexArray) -> FloatArray:
        others = _others(rows, len(bad))
        model = family.fit(features[others], bad[others], layout, params, seed)
        return model.margin(features[rows])

    margin = np.empty(len(bad))
    for rows, found in zip(held_out, fit_each(out_of_fold, held_out), strict=True):
        margin[rows] = found
    estimated = np.empty(len(bad))
    for rows in held_out:
        others = _others(rows, len(bad))
        calibrator = calibrate(margin[others], bad[others], family.scale, fewest_bads_for_isotonic)
        estimated[rows] = probability(calibrator, margin[rows])
    return CrossValidated(_report(held_out, bad, estimated), estimated)


def _others(rows: IndexArray, count: int) -> IndexArray:
    return np.setdiff1d(np.arange(count), rows)


def _report(
    held_out: Sequence[IndexArray], bad: BadArray, estimated: FloatArray
) -> CrossValidation:
    folds = tuple(
        Fold(
            rows=len(rows),
            bads=int(bad[rows].sum()),
            metrics=point_estimates(bad[rows], estimated[rows]),
        )
        for rows in held_out
    )
    by_metric = {name: [fold.metrics[name] for fold in folds] for name in folds[0].metrics}
    return CrossValidation(
        folds=folds,
        mean={name: float(np.mean(values)) for name, values in by_metric.items()},
        deviation={name: float(np.std(values, ddof=1)) for name, values in by_metric.items()},
    )
