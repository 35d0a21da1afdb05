"""Exploratory data analysis: what each input looks like in the training rows, and what it tells."""

from collections.abc import Callable
from typing import Any

import numpy as np

from credit.binning import HALF, bin_number, weight_of_evidence
from credit.expressions import FloatArray
from credit.features import MISSING_CODE, CodeArray, FeatureMap, Features
from credit.labels import BadArray
from credit.partition import (
    IndexArray,
    NumberPartition,
    code_labels,
    ordinary,
    special_meanings,
    tally,
)
from credit.spec import Frozen

QUANTILES = {
    "min": 0.0,
    "1%": 0.01,
    "5%": 0.05,
    "25%": 0.25,
    "50%": 0.5,
    "75%": 0.75,
    "95%": 0.95,
    "99%": 0.99,
    "max": 1.0,
}


class Bin(Frozen):
    """One bin: share of rows, bad rate, and weight of evidence, which rises with risk."""

    label: str
    rows: int
    share: float
    bads: int
    bad_rate: float
    evidence: float


class SpecialCode(Frozen):
    """A special code, what it means, and its share of the rows."""

    code: float
    meaning: str
    share: float


class ColumnProfile(Frozen):
    """One input in the training rows.

    kind: number, integer, category or derived.
    missing: share of rows, from 0 to 1.
    distinct: how many different values or levels there are, missing apart.
    quantiles: of ordinary values (neither missing nor special); empty for categories, and where
        there are none. Mean and standard deviation are of the same values, and none then.
    bins: weight-of-evidence bins, or the levels of a category; missing and special codes apart.
    information_value: sum over bins of (share of bads - share of goods) x weight of evidence.
    """

    name: str
    kind: str
    description: str
    unit: str
    missing: float
    special: tuple[SpecialCode, ...]
    distinct: int
    quantiles: dict[str, float]
    mean: float | None
    deviation: float | None
    bins: tuple[Bin, ...]
    information_value: float


class Exploration(Frozen):
    """The training rows, column by column, by information value from the highest down."""

    rows: int
    bad_rate: float
    columns: tuple[ColumnProfile, ...]


def explore(feature_map: FeatureMap, features: Features, bad: BadArray) -> Exploration:
    """Profile every feature of the training rows.

    Bins of numbers are those of the scorecard, but free to run against a declared direction: the
    exploration shows what the data say.
    """
    names = feature_map.schema.number_features
    columns = [
        *(
            _number(feature_map, name, values, bad)
            for name, values in zip(names, features.numbers.T, strict=True)
        ),
        *(
            _category(feature_map, position, codes, bad)
            for position, codes in enumerate(features.codes.T)
        ),
    ]
    return Exploration(
        rows=len(bad),
        bad_rate=float(bad.mean()),
        columns=tuple(sorted(columns, key=lambda column: -column.information_value)),
    )


def _number(feature_map: FeatureMap, name: str, values: FloatArray, bad: BadArray) -> ColumnProfile:
    schema = feature_map.schema
    special = special_meanings(schema, name)
    known = values[ordinary(values, special)]
    found = bin_number(values, bad, sorted(special), direction=None)
    partition = NumberPartition(found.edges, special)
    bins, information = _bins(partition.labels, partition.index(values), bad)
    return ColumnProfile(
        name=name,
        kind="derived" if name in schema.derived else schema.columns[name].type,
        description=schema.feature(name).description,
        unit=schema.feature(name).unit,
        missing=float(np.isnan(values).mean()),
        special=tuple(
            SpecialCode(code=code, meaning=special[code], share=float((values == code).mean()))
            for code in sorted(special)
        ),
        distinct=len(np.unique(values[~np.isnan(values)])),
        quantiles=_quantiles(known),
        mean=_finite(known, np.mean),
        deviation=_finite(known, np.std),
        bins=bins,
        information_value=information,
    )


def _category(
    feature_map: FeatureMap, position: int, codes: CodeArray, bad: BadArray
) -> ColumnProfile:
    name = feature_map.schema.category_features[position]
    column = feature_map.schema.columns[name]
    bins, information = _bins(code_labels(feature_map, position), codes, bad)
    return ColumnProfile(
        name=name,
        kind=column.type,
        description=column.description,
        unit=column.unit,
        missing=float((codes == MISSING_CODE).mean()),
        special=(),
        distinct=len(np.unique(codes[codes != MISSING_CODE])),
        quantiles={},
        mean=None,
        deviation=None,
        bins=bins,
        information_value=information,
    )


def _bins(
    labels: tuple[str, ...], index: IndexArray, bad: BadArray
) -> tuple[tuple[Bin, ...], float]:
    """Bins that have rows, and the information value of them all."""
    rows, bads = tally(index, len(labels)), tally(index, len(labels), bad.astype(np.float64))
    filled = np.flatnonzero(rows)
    rows, bads = rows[filled], bads[filled]
    evidence = weight_of_evidence(bads, rows - bads)
    bins = tuple(
        Bin(
            label=labels[position],
            rows=int(count),
            share=float(count / len(bad)),
            bads=int(bad_count),
            bad_rate=float(bad_count / count),
            evidence=float(weight),
        )
        for position, count, bad_count, weight in zip(filled, rows, bads, evidence, strict=True)
    )
    return bins, information_value(bads, rows - bads)


def information_value(bads: FloatArray, goods: FloatArray) -> float:
    """How much bins with these counts tell (Kullback's divergence), half a count added to each.

    >>> round(information_value(np.array([30.0, 10.0]), np.array([30.0, 90.0])), 3)
    1.059
    """
    bad_share = (bads + HALF) / (bads + HALF).sum()
    good_share = (goods + HALF) / (goods + HALF).sum()
    return float((bad_share - good_share) @ weight_of_evidence(bads, goods))


def _quantiles(known: FloatArray) -> dict[str, float]:
    """Values that occur, so that none is an average of two that do not belong together."""
    if len(known) == 0:
        return {}
    values = np.quantile(known, list(QUANTILES.values()), method="inverted_cdf")
    return dict(zip(QUANTILES, values.tolist(), strict=True))


def _finite(known: FloatArray, statistic: Callable[[FloatArray], np.floating[Any]]) -> float | None:
    """A statistic; none without values, or where it is beyond the largest number."""
    if len(known) == 0:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(statistic(known))
    return value if np.isfinite(value) else None
