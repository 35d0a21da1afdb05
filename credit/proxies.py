"""Proxies: how well the inputs together tell a protected column that the model may not read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedKFold

from credit.design import TreeDesign
from credit.expressions import FloatArray
from credit.features import FeatureMap, Features, Layout
from credit.groups import Groups
from credit.sampling import drawn
from credit.spec import Frozen, Schema

MOST_ROWS = 5000
FEWEST_ROWS = 30
FOLDS = 3
ROUNDS = 40
MOST_INPUTS = 5
MOST_SHUFFLED = 10


class ProxyInput(Frozen):
    """An input and how much the AUC falls when its values are shuffled among held-out rows."""

    name: str
    importance: float


class ProxyGroup(Frozen):
    """How well a group is told from all others."""

    group: str
    rows: int
    auc: float


class Proxies(Frozen):
    """How well the inputs predict one protected column, out of fold.

    Attributes:
        rows: how many rows were looked at, drawn with the seed where there are more.
        auc: one group against the rest, weighted by rows; 0.5 is no better than chance, None when
            fewer than two groups are large enough.
        inputs: the inputs that tell most, most telling first.
        notes: sentences on what was left out, and why.
    """

    column: str
    rows: int
    folds: int
    auc: float | None
    groups: tuple[ProxyGroup, ...]
    inputs: tuple[ProxyInput, ...]
    notes: tuple[str, ...] = ()


def find_proxies(
    features: Features, feature_map: FeatureMap, groups: Mapping[str, Groups], seed: int
) -> tuple[Proxies, ...]:
    """Predict each protected column from the model's inputs, by cross-validation.

    Small boosted trees are fitted on two thirds of the rows and asked about the other third,
    three times over. At most 5,000 rows are looked at. Rows without a value and groups of fewer
    than 30 rows are left out; so is an input that is the protected column itself, or derived from
    it, which would tell it without being a proxy.

    Args:
        features: what the model reads [rows].
        feature_map: what the columns of the features are.
        groups: `credit.groups.protected_groups` of the same rows.
        seed: of the rows drawn, the folds and the shuffling.
    """
    chosen = drawn(len(features), MOST_ROWS, seed)
    looked_at = features[chosen]
    return tuple(
        _find(column, looked_at, feature_map, groups[column][chosen], seed) for column in groups
    )


def _find(
    column: str, features: Features, feature_map: FeatureMap, groups: Groups, seed: int
) -> Proxies:
    large = np.flatnonzero(groups.stated & (groups.rows >= FEWEST_ROWS))
    kept = np.isin(groups.codes, large)
    told = _telling_inputs(column, feature_map.schema)
    notes = tuple(_notes(groups, large, told))
    if len(large) < 2:
        return Proxies(
            column=column,
            rows=int(kept.sum()),
            folds=FOLDS,
            auc=None,
            groups=(),
            inputs=(),
            notes=notes,
        )
    design = _Design.of(features[kept], feature_map.layout, told)
    target = np.searchsorted(large, groups.codes[kept])
    aucs, importances = _cross_validate(design, target, seed)
    rows = np.bincount(target)
    order = sorted(range(len(importances)), key=lambda place: (-importances[place], place))
    return Proxies(
        column=column,
        rows=len(target),
        folds=FOLDS,
        auc=float(np.average(aucs, weights=rows)),
        groups=tuple(
            ProxyGroup(group=groups.names[place], rows=int(count), auc=float(auc))
            for place, count, auc in zip(large, rows, aucs, strict=True)
        ),
        inputs=tuple(
            ProxyInput(name=design.names[place], importance=float(importances[place]))
            for place in order[:MOST_INPUTS]
            if importances[place] > 0
        ),
        notes=notes,
    )


def _telling_inputs(column: str, schema: Schema) -> set[str]:
    """The column and whatever is derived from it."""
    told = {column}
    for name, derived in schema.derived.items():
        if told & derived.parsed.names:
            told.add(name)
    return told & {*schema.number_features, *schema.category_features}


def _notes(groups: Groups, large: NDArray[np.int64], told: set[str]) -> Iterator[str]:
    left_out = int(len(groups) - groups.rows[large].sum())
    if left_out:
        yield (
            f"{left_out:,} rows are left out: they have no value, or fewer than {FEWEST_ROWS} rows "
            "have it."
        )
    if len(large) < 2:
        yield f"Fewer than two groups have {FEWEST_ROWS} rows, so there is nothing to tell apart."
    if told:
        yield f"Left out as it is the column itself: {', '.join(sorted(told))}."


@dataclass(frozen=True)
class _Design:
    """The matrix that trees split on, with the feature that each of its columns belongs to."""

    names: tuple[str, ...]
    matrix: FloatArray
    owner: NDArray[np.int64]

    @classmethod
    def of(cls, features: Features, layout: Layout, left_out: set[str]) -> "_Design":
        design = TreeDesign.of(layout)
        names = (*(one.name for one in layout.numbers), *(one.name for one in layout.categories))
        numbers = len(layout.numbers)
        owner = np.concatenate(
            [
                np.arange(numbers),
                np.array(design.special.positions, dtype=np.int64),
                numbers + np.array(design.one_hot.positions, dtype=np.int64),
            ]
        )
        kept = np.array([name not in left_out for name in names])[owner]
        return cls(names, design.matrix(features)[:, kept], owner[kept])


def _cross_validate(
    design: _Design, target: NDArray[np.int64], seed: int
) -> tuple[FloatArray, FloatArray]:
    """(AUC of each group, fall of the weighted AUC by shuffling each feature), means of folds."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    draw = np.random.default_rng(seed)
    aucs = np.zeros(target.max() + 1)
    importances = np.zeros(len(design.names))
    for fitted, held_out in folds.split(design.matrix, target):
        booster = _fit(design.matrix[fitted], target[fitted], len(aucs), seed)
        matrix, truth = design.matrix[held_out], target[held_out]
        weights = np.bincount(truth)
        honest = _aucs(booster, matrix, truth)
        aucs += honest / FOLDS
        shuffled = draw.permutation(len(truth))
        for feature in _most_used(booster, design):
            own = design.owner == feature
            blurred = matrix.copy()
            blurred[:, own] = matrix[shuffled][:, own]
            fall = honest - _aucs(booster, blurred, truth)
            importances[feature] += np.average(fall, weights=weights) / FOLDS
    return aucs, importances


def _fit(matrix: FloatArray, target: NDArray[np.int64], groups: int, seed: int) -> xgboost.Booster:
    settings = {
        "objective": "multi:softprob",
        "num_class": groups,
        "tree_method": "hist",
        "max_depth": 3,
        "learning_rate": 0.2,
        "min_child_weight": 5.0,
        "nthread": 1,
        "seed": seed,
    }
    return xgboost.train(settings, xgboost.DMatrix(matrix, label=target, nthread=1), ROUNDS)


def _most_used(booster: xgboost.Booster, design: _Design) -> list[int]:
    """The features with the highest total gain: shuffling any other would change little."""
    gain = np.zeros(len(design.names))
    for column, total in booster.get_score(importance_type="total_gain").items():
        gain[design.owner[int(column[1:])]] += total
    order = sorted(range(len(gain)), key=lambda place: (-gain[place], place))
    return [place for place in order[:MOST_SHUFFLED] if gain[place] > 0]


def _aucs(booster: xgboost.Booster, matrix: FloatArray, truth: NDArray[np.int64]) -> FloatArray:
    """AUC of each group against the rest, from the rank sums of Mann and Whitney."""
    shares = booster.inplace_predict(matrix)
    ranks = rankdata(shares, axis=0)
    belongs = truth[:, np.newaxis] == np.arange(shares.shape[1])
    inside = belongs.sum(axis=0)
    rank_sums = (ranks * belongs).sum(axis=0)
    return np.asarray((rank_sums - inside * (inside + 1) / 2) / (inside * (len(truth) - inside)))
