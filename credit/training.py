"""Training: from labelled rows to fitted, calibrated, exported and measured families."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.calibration import Calibrator, calibrate, probability
from credit.export import export
from credit.expressions import FloatArray
from credit.features import (
    MISSING,
    Applications,
    FeatureMap,
    Features,
    Layout,
    Vocabulary,
    from_frame,
    number_features,
)
from credit.intervals import Interval
from credit.labels import BadArray
from credit.metrics import evaluate
from credit.models import FAMILIES
from credit.models.family import Model
from credit.package import schema_json
from credit.plan import FamilyName, Preset, TrainingPlan, Value
from credit.scoring import Scorer
from credit.search import Trial, search
from credit.spec import Schema

MOST_DIFFERENCE = 1e-5
# What takes longest to fit comes first, so that families fitted side by side end together; the
# network after what needs no TensorFlow, which loads meanwhile.
SLOWEST_FIRST: tuple[FamilyName, ...] = (
    "xgboost",
    "random_forest",
    "network",
    "pca_logistic",
    "woe_logistic",
)


class TrainingError(ValueError):
    """The data cannot be trained on, or a result may not leave; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """Rows of one part of the split, raw and as features."""

    applications: Applications
    features: Features
    bad: BadArray

    def __len__(self) -> int:
        return len(self.bad)

    @property
    def bad_rate(self) -> float:
        """Share of bads, from 0 to 1."""
        return float(self.bad.mean())


@dataclass(frozen=True)
class Development:
    """Everything that models are developed on."""

    feature_map: FeatureMap
    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class FittedFamily:
    """A family's best parameters, and the model and calibrator that they give."""

    params: dict[str, Value]
    trials: tuple[Trial, ...]
    model: Model
    calibrator: Calibrator

    def probability(self, features: Features) -> FloatArray:
        """Probability of default of each row."""
        return probability(self.calibrator, self.model.margin(features))


@dataclass(frozen=True)
class TrainedFamily:
    """One family's best model, measured on rows that it has not seen.

    Attributes:
        validation, test: probabilities of default of those parts' rows.
        graph: the package's ONNX graph.
        parity: largest difference between graph and model over the test rows.
        metrics: part -> metric -> estimate with interval.
    """

    family: FamilyName
    params: dict[str, Value]
    trials: tuple[Trial, ...]
    model: Model
    calibrator: Calibrator
    validation: FloatArray
    test: FloatArray
    graph: bytes
    parity: float
    metrics: dict[str, dict[str, Interval]]

    @property
    def title(self) -> str:
        """The family's name for people."""
        return FAMILIES[self.family].title


def prepare(
    rows: pd.DataFrame, bad: BadArray, part: NDArray[np.object_], schema: Schema, plan: TrainingPlan
) -> Development:
    """Turn validated rows into features; levels are learned from the training part alone.

    Raises:
        TrainingError: a field or derived column is missing in every training row.
    """
    applications = from_frame(rows, schema)
    train = applications[part == "train"]
    _refuse_empty_features(train, schema)
    feature_map = FeatureMap(schema, Vocabulary.fit(train.categories, plan.fewest_rows_per_level))

    def cut(name: str) -> Part:
        chosen = applications[part == name]
        return Part(chosen, feature_map(chosen), bad[part == name])

    return Development(feature_map, cut("train"), cut("validation"), cut("test"))


def _refuse_empty_features(train: Applications, schema: Schema) -> None:
    numbers = np.hstack([train.numbers, number_features(schema, train.numbers)])
    is_missing = np.hstack([np.isnan(numbers), train.categories == MISSING])
    names = (*schema.number_fields, *schema.number_features, *schema.category_fields)
    missing = zip(names, is_missing.T, strict=True)
    empty = dict.fromkeys(name for name, rows in missing if rows.all())
    if empty:
        raise TrainingError(
            f"{', '.join(empty)}: all values are missing in the training rows; "
            "mend the source or give the column role: ignore"
        )


def fit_family(
    name: FamilyName,
    preset: Preset,
    features: Features,
    bad: BadArray,
    layout: Layout,
    plan: TrainingPlan,
    on_trial: Callable[[Trial], None] | None = None,
    weights: FloatArray | None = None,
) -> FittedFamily:
    """Search, fit on all rows, and calibrate on the out-of-fold margins of the best trial.

    Weights [rows] are for fitting; calibration is to the rows as they are.
    """
    family = FAMILIES[name]
    found = search(
        family,
        preset.families[name],
        features,
        bad,
        layout,
        preset.folds,
        plan.seed,
        on_trial or (lambda trial: None),
        weights,
    )
    model = family.fit(features, bad, layout, found.params, plan.seed, weights=weights)
    calibrator = calibrate(
        found.margin, bad, family.scale, plan.calibration.fewest_bads_for_isotonic
    )
    return FittedFamily(found.params, found.trials, model, calibrator)


def train_family(
    name: FamilyName,
    preset: Preset,
    development: Development,
    plan: TrainingPlan,
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedFamily:
    """Search, fit on all training rows, calibrate on out-of-fold margins, export, measure.

    The same arguments give the same result. Nothing is chosen on the test part.

    Raises:
        TrainingError: the graph and the model differ by more than 1e-5 on a test row.
    """
    train, layout = development.train, development.feature_map.layout
    fitted = fit_family(name, preset, train.features, train.bad, layout, plan, on_trial)
    return measure_family(name, fitted, development, plan)


def measure_family(
    name: FamilyName, fitted: FittedFamily, development: Development, plan: TrainingPlan
) -> TrainedFamily:
    """Export a fitted family and measure it on validation and test.

    Raises:
        TrainingError: the graph and the model differ by more than 1e-5 on a test row.
    """
    graph = export(development.feature_map, fitted.model, fitted.calibrator)
    validation = fitted.probability(development.validation.features)
    test = fitted.probability(development.test.features)
    metrics = {
        "validation": evaluate(
            development.validation.bad, validation, plan.bootstrap_samples, plan.seed
        ),
        "test": evaluate(development.test.bad, test, plan.bootstrap_samples, plan.seed),
    }
    return TrainedFamily(
        name,
        fitted.params,
        fitted.trials,
        fitted.model,
        fitted.calibrator,
        validation,
        test,
        graph,
        _parity(name, graph, development, test),
        metrics,
    )


def _parity(
    name: FamilyName, graph: bytes, development: Development, estimated: FloatArray
) -> float:
    """Largest difference between what the package answers and what the model says."""
    schema = development.feature_map.schema
    scorer = Scorer(Schema.model_validate_json(schema_json(schema)), graph)
    if list(scorer.schema.fields) != list(schema.fields):
        raise TrainingError(f"{name}: the package reads its fields in another order than the model")
    served = scorer.probabilities(development.test.applications)
    difference = float(np.abs(served - estimated).max())
    if not difference <= MOST_DIFFERENCE:
        raise TrainingError(
            f"{name}: package and model differ by {difference:.2g} on a test row, at most "
            f"{MOST_DIFFERENCE:g} is allowed; report this with the spec"
        )
    return difference


def choose_champion(trained: Sequence[TrainedFamily]) -> TrainedFamily:
    """The family with the highest AUC on validation; the test part has no say."""
    return max(trained, key=lambda candidate: candidate.metrics["validation"]["auc"].value)
