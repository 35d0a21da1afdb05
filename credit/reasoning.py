"""Building the reason model from a fitted model, and proving that the two agree."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from credit.adverse_action import missing_texts
from credit.attribution import Attribution, Evidence, Linear, Network, Trees
from credit.calibration import Calibrator, probability
from credit.expressions import FloatArray
from credit.features import MISSING, Applications, FeatureMap, Features
from credit.models import network
from credit.models.family import Model
from credit.models.pca_logistic import PcaLogistic
from credit.models.random_forest import Forest
from credit.models.trees import Split, Tree
from credit.models.woe_logistic import WoeLogistic
from credit.models.xgboost_trees import BoostedTrees
from credit.reasons import ReasonModel
from credit.sampling import evenly_spaced
from credit.spec import Frozen, Schema
from credit.training import MOST_DIFFERENCE, TrainingError
from credit.treeshap import Ensemble

MOST_UNEXPLAINED = 1e-6
BACKGROUND_ROWS = 32
CENTRE_ROWS = 1000
CHECKED_ROWS = 200
STEPS = 20


class ReasonCheck(Frozen):
    """Largest differences: of calibrated margins from the graph, of base + sum from the margin."""

    parity: float
    additivity: float


def build_reason_model(
    model: Model, feature_map: FeatureMap, approved: Features, training: Applications
) -> bytes:
    """The reason model as an npz without pickle; the same arguments give the same bytes.

    `approved` are rows of the training and validation parts that the policy approves; `training`
    are the raw fields of the training part, for the steps of recourse. Contributions are centred
    on 1,000 of the approved, evenly spaced by margin, and a network's background is 32 of them.

    Raises:
        TrainingError: a feature has no reason text, or nobody was approved.
    """
    refuse_missing_texts(feature_map.schema)
    if len(approved) == 0:
        raise TrainingError(
            "no application of the training and validation parts is approved, so reasons have "
            "nothing to be compared with; loosen the policy"
        )
    by_margin = approved[np.argsort(model.margin(approved), kind="stable")]
    background = by_margin[evenly_spaced(len(by_margin), BACKGROUND_ROWS)]
    attribution = _attribution(model, feature_map, background)
    usual = by_margin[evenly_spaced(len(by_margin), CENTRE_ROWS)]
    return ReasonModel(
        feature_map=feature_map,
        attribution=attribution,
        scale="probability" if isinstance(model, Forest) else "log-odds",
        centre=attribution.attribute(usual).mean(axis=0),
        base=float(attribution.margin(usual).mean()),
        reference=_reference(feature_map, approved),
        quantiles=_quantiles(feature_map.schema, training.numbers),
        levels=_levels(training),
    ).to_bytes()


def check_reason_model(
    reason_model: ReasonModel,
    calibrator: Calibrator,
    applications: Applications,
    probabilities: FloatArray,
) -> ReasonCheck:
    """Compare with the graph's probabilities of default of the same applications.

    All margins are compared; sums are checked on 200 rows, evenly spaced.

    Raises:
        TrainingError: a calibrated margin differs by more than 1e-5, or contributions do not add
            up to within 1e-6.
    """
    features = reason_model.features(applications)
    margin = reason_model.margin(features)
    parity = _largest(probability(calibrator, margin) - probabilities)
    if not parity <= MOST_DIFFERENCE:
        raise TrainingError(
            f"reason model and package differ by {parity:.2g} on a row, at most "
            f"{MOST_DIFFERENCE:g} is allowed; report this with the spec"
        )
    rows = evenly_spaced(len(features), CHECKED_ROWS)
    total = reason_model.contributions(features[rows]).sum(axis=1) + reason_model.base
    additivity = _largest(total - margin[rows])
    if not additivity <= MOST_UNEXPLAINED:
        raise TrainingError(
            f"contributions miss their margin by {additivity:.2g}, at most "
            f"{MOST_UNEXPLAINED:g} is allowed; report this with the spec"
        )
    return ReasonCheck(parity=parity, additivity=additivity)


def _largest(difference: FloatArray) -> float:
    return float(np.abs(difference).max(initial=0.0))


def refuse_missing_texts(schema: Schema) -> None:
    """Raise TrainingError, naming the features, when the spec has no reason text for some."""
    missing = missing_texts(schema)
    if missing:
        raise TrainingError(
            f"{', '.join(missing)}: no reason text, which a declined applicant would be owed; "
            "add reason: to the spec"
        )


def _attribution(model: Model, feature_map: FeatureMap, background: Features) -> Attribution:
    width = len(feature_map.layout.numbers) + len(feature_map.layout.categories)
    match model:
        case WoeLogistic():
            return Evidence(
                model.bins, model.evidence_of_codes, model.coefficients, model.intercept
            )
        case PcaLogistic():
            return Linear(model.design, model.column_coefficients, model.intercept, width)
        case BoostedTrees():
            base, trees = model.trees()
            return Trees(model.design, _ensemble(trees, "<"), base, width)
        case Forest():
            return Trees(model.design, _ensemble(model.trees(), "<="), 0.0, width)
        case network.Network():
            return _network(model, background, width)
    raise TrainingError(
        f"no reason model for a {type(model).__name__}; add one to credit.reasoning"
    )


def _ensemble(trees: Sequence[Tree], split: Split) -> Ensemble:
    sizes = [len(tree.left) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    own = np.arange(sum(sizes))
    shift = np.repeat(roots, sizes)

    def joined(name: str) -> FloatArray:
        return np.concatenate([getattr(tree, name) for tree in trees]).astype(np.float64)

    is_leaf = joined("left") < 0
    return Ensemble(
        roots=roots.astype(np.int32),
        left=np.where(is_leaf, own, joined("left") + shift).astype(np.int32),
        right=np.where(is_leaf, own, joined("right") + shift).astype(np.int32),
        column=np.where(is_leaf, 0, joined("feature")).astype(np.int32),
        threshold=np.where(is_leaf, np.float32(0), _upper_bound(joined("threshold"), split)),
        missing_left=joined("missing_left").astype(np.bool_),
        value=joined("value"),
        cover=joined("cover"),
    )


def _upper_bound(threshold: FloatArray, split: Split) -> NDArray[np.float32]:
    """The least number of single precision that does not go left."""
    with np.errstate(over="ignore"):
        single = threshold.astype(np.float32)
    is_above = single > threshold if split == "<=" else single >= threshold
    return np.where(is_above, single, np.nextafter(single, np.float32(np.inf)))


def _network(model: network.Network, background: Features, width: int) -> Network:
    count = len(model.layout.categories)
    layers = [model.weights(layer) for layer in network.LAYERS]
    without_background = Network(
        model.design,
        tuple(model.weights(f"embedding_{position}")[0] for position in range(count)),
        tuple(kernel for kernel, _ in layers),
        tuple(bias for _, bias in layers),
        np.empty((0, 0)),
        width,
    )
    return replace(without_background, background=without_background.inputs(background))


def _reference(feature_map: FeatureMap, approved: Features) -> Features:
    """What is usual among the approved, as one row."""
    numbers = [
        _usual_number(column, np.array(number.special_codes))
        for number, column in zip(feature_map.layout.numbers, approved.numbers.T, strict=True)
    ]
    codes = [np.bincount(column).argmax() for column in approved.codes.T]
    return Features(
        np.array([numbers], dtype=np.float64), np.array([codes], dtype=np.int64).reshape(1, -1)
    )


def _usual_number(column: FloatArray, special: FloatArray) -> float:
    """The median of ordinary values, unless a gap or a special code is more frequent than all."""
    ordinary = column[~np.isnan(column) & ~np.isin(column, special)]
    aside = {np.nan: int(np.isnan(column).sum())}
    aside |= {float(code): int((column == code).sum()) for code in special}
    code, rows = max(aside.items(), key=lambda item: item[1])
    if rows > len(ordinary):
        return code
    return float(np.quantile(ordinary, 0.5, method="inverted_cdf"))


def _quantiles(schema: Schema, numbers: FloatArray) -> tuple[FloatArray, ...]:
    shares = np.arange(1, STEPS) / STEPS
    found = []
    for name, column in zip(schema.number_fields, numbers.T, strict=True):
        special = np.array(schema.special_codes(name), dtype=np.float64)
        ordinary = column[~np.isnan(column) & ~np.isin(column, special)]
        steps = np.quantile(ordinary, shares, method="inverted_cdf") if len(ordinary) else ordinary
        found.append(np.unique(steps))
    return tuple(found)


def _levels(training: Applications) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(sorted(set(column.tolist()) - {MISSING})) for column in training.categories.T
    )
