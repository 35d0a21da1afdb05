"""Concept drift: whether bads still come from the applications from which they used to come.

The champion says how many bads each bin of each feature should have. First its probabilities are
moved on the log-odds scale until they expect as many bads as there are: that move is the change of
level. What is then still off in the bins of a feature is a change of its relation to default. It
is tested by Rao's score test of a logistic regression of the label on the bins with the champion's
log-odds as offset: the sum over bins of (bads - expected)^2 / variance, chi-square with one degree
of freedom less than bins, after Benjamini and Hochberg (1995) over all features.

What the champion never caught shows as well, for its own training rows were not measured so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import chi2, false_discovery_control

from credit.expressions import FloatArray
from credit.features import MISSING, TextArray
from credit.intervals import NORMAL_95, Interval, wilson
from credit.labels import BadArray
from credit.partition import IndexArray, NumberPartition, tally
from credit.profiles import CategoryProfile, NumberProfile
from credit.spec import Frozen

# Chi-square holds where so many bads are expected (Cochran, 1954).
FEWEST_EXPECTED = 5.0
# A smaller mean gap of bad rates changes no decision, however certain it is.
SMALLEST_GAP = 0.01
CLIP = 1e-6
NEWTON_STEPS = 50


class BinGap(Frozen):
    """Bad rate of one bin of a feature, and what the champion expects once its level is right."""

    label: str
    rows: int
    bad_rate: Interval
    expected: float


class Relation(Frozen):
    """How one feature goes with default now, against what the champion says.

    gap: mean over rows of the absolute difference of bad rate and expectation of their bin.
    worst: the bin that adds most to the statistic; none where nothing can be tested.
    """

    name: str
    statistic: float
    bins: int
    p_value: float
    adjusted_p_value: float
    gap: float
    worst: BinGap | None
    has_changed: bool


class Concept(Frozen):
    """What matured rows say of the champion's idea of default; relations by p-value.

    level: how far its log-odds must be moved; above 0 there are more bads than it expects.
    """

    rows: int
    bads: int
    level: Interval
    changed: int
    relations: tuple[Relation, ...]


@dataclass(frozen=True)
class Binned:
    """A feature in bins: the bin of each row [rows], and what the bins are called."""

    index: IndexArray
    labels: Sequence[str]


def binned_number(
    profile: NumberProfile, values: FloatArray, special: Mapping[float, str]
) -> Binned:
    """Numbers [rows] in the ten bins of their reference; `special` says what its codes mean."""
    meanings = {code: special.get(code, "special code") for code in profile.grid.codes}
    partition = NumberPartition(profile.grid.psi, meanings)
    return Binned(partition.index(values), partition.labels)


def binned_category(profile: CategoryProfile, texts: TextArray) -> Binned:
    """Levels [rows] as their reference keeps them apart."""
    places = {level: place for place, level in enumerate(profile.levels, 2)} | {MISSING: 1}
    index = np.array([places.get(text, 0) for text in texts.tolist()], dtype=np.int64)
    return Binned(index, ("rare or new", "missing", *profile.levels))


def concept_drift(
    features: Mapping[str, Binned], bad: BadArray, probability: FloatArray, significance: float
) -> Concept | None:
    """Compare each feature's relation to default with what the champion says of it.

    Args:
        features: the features that the champion reads, of the rows.
        bad: labels of matured rows [rows].
        probability: what the champion says of them [rows].
        significance: of the adjusted p-values.

    Returns:
        None where the rows are all good or all bad, so that there is no level.
    """
    rows, bads = len(bad), int(bad.sum())
    if not 0 < bads < rows:
        return None
    level, expected = _levelled(bad, probability)
    tested = [_tested(name, each, bad, expected) for name, each in features.items()]
    adjusted = false_discovery_control([each.p_value for each in tested]) if tested else []
    relations = [
        each.model_copy(
            update={
                "adjusted_p_value": float(p),
                "has_changed": bool(p < significance and each.gap >= SMALLEST_GAP),
            }
        )
        for each, p in zip(tested, adjusted, strict=True)
    ]
    return Concept(
        rows=rows,
        bads=bads,
        level=level,
        changed=sum(each.has_changed for each in relations),
        relations=tuple(sorted(relations, key=lambda each: (each.p_value, each.name))),
    )


def _levelled(bad: BadArray, probability: FloatArray) -> tuple[Interval, FloatArray]:
    """How far log-odds must move to expect all bads, and the probabilities moved so.

    Newton's method, which cannot overshoot far: the sum of probabilities rises with the move.
    """
    odds = logit(np.clip(probability, CLIP, 1 - CLIP))
    wanted, move = float(bad.sum()), 0.0
    for _ in range(NEWTON_STEPS):
        expected = expit(odds + move)
        step = (wanted - float(expected.sum())) / float((expected * (1 - expected)).sum())
        move += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-12:
            break
    expected = expit(odds + move)
    half = NORMAL_95 / float(np.sqrt((expected * (1 - expected)).sum()))
    return Interval(move, move - half, move + half), expected


def _tested(name: str, feature: Binned, bad: BadArray, expected: FloatArray) -> Relation:
    index, labels = _pooled(feature, expected)
    width = len(labels)
    rows, bads = tally(index, width), tally(index, width, bad.astype(np.float64))
    due = tally(index, width, expected)
    variance = tally(index, width, expected * (1 - expected))
    statistics = np.divide((bads - due) ** 2, variance, out=np.zeros(width), where=variance > 0)
    statistic = float(statistics.sum()) if width > 1 else 0.0
    p_value = float(chi2.sf(statistic, width - 1)) if width > 1 else 1.0
    worst = int(np.argmax(statistics))
    return Relation(
        name=name,
        statistic=statistic,
        bins=width,
        p_value=p_value,
        adjusted_p_value=p_value,
        gap=float(np.abs(bads - due).sum() / rows.sum()) if width > 1 else 0.0,
        worst=_bin(labels[worst], int(rows[worst]), int(bads[worst]), float(due[worst]))
        if width > 1
        else None,
        has_changed=False,
    )


def _bin(label: str, rows: int, bads: int, due: float) -> BinGap:
    low, high = wilson(bads, rows)
    return BinGap(
        label=label, rows=rows, bad_rate=Interval(bads / rows, low, high), expected=due / rows
    )


def _pooled(feature: Binned, expected: FloatArray) -> tuple[IndexArray, list[str]]:
    """The bins that have rows; those too small for the test are one, with the next larger."""
    due = tally(feature.index, len(feature.labels), expected)
    filled = np.flatnonzero(tally(feature.index, len(feature.labels)))
    ranked = filled[np.argsort(due[filled], kind="stable")]
    small = _too_small(due[ranked])
    pooled, alone = ranked[:small], np.sort(ranked[small:])
    places = np.full(len(feature.labels), len(alone), dtype=np.int64)
    places[alone] = np.arange(len(alone))
    labels = [feature.labels[place] for place in alone]
    if small:
        labels.append(" or ".join(feature.labels[place] for place in np.sort(pooled)))
    return places[feature.index], labels


def _too_small(ascending: NDArray[np.float64]) -> int:
    """How many of the smallest bins have to be put together so that all have enough."""
    small = int((ascending < FEWEST_EXPECTED).sum())
    if small and ascending[:small].sum() < FEWEST_EXPECTED:
        small += 1
    return min(small, len(ascending))
