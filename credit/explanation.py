"""What drives a model: its features overall, single decisions, and whether directions hold.

Contributions come from the reason model of the model that decides, never from another one; they
are on the scale of its margin (log-odds, or probability for the forest) and rise with risk.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from credit.expressions import FloatArray
from credit.features import FeatureMap, Features, NumberFeature
from credit.lime import Lime, Surrogate
from credit.sampling import drawn
from credit.spec import Direction, Frozen
from credit.values import level_name, special_name, value_text

MOST_RESIDUAL = 1e-6
LEAST_VIOLATION = 1e-9
AGREEMENT_TOP = 5
TOP = 8


class ExplanationError(ValueError):
    """Contributions do not add up to the margin, so they explain nothing."""


class Reasons(Protocol):
    """A model that can say what each feature contributed to its margin."""

    @property
    def base(self) -> float:
        """The margin where nothing contributes."""

    def margin(self, features: Features) -> FloatArray:
        """[rows]; rises with risk."""

    def contributions(self, features: Features) -> FloatArray:
        """[rows, features], numbers first, then categories."""


class FeatureImportance(Frozen):
    """How much a feature moves margins.

    `importance` is the mean absolute contribution and `share` its part of all features' sum.
    `direction` is Spearman's correlation of value and contribution over rows with an ordinary
    value, from -1 to 1; none for a category, or where either does not vary.
    """

    feature: str
    importance: float
    share: float
    direction: float | None


class LevelEffect(Frozen):
    """Mean contribution of the rows of one level, special code, or missing value."""

    level: str
    rows: int
    contribution: float


class Dependence(Frozen):
    """A feature's contribution against its value.

    `values` and `contributions` are points of a number feature; its special codes and missing
    values stand in `levels`, as do all values of a category, most frequent first.
    """

    feature: str
    unit: str
    values: tuple[float, ...]
    contributions: tuple[float, ...]
    levels: tuple[LevelEffect, ...]


class Swarm(Frozen):
    """One feature's contributions, row by row, with the rank of its value among the rows.

    Ranks run from 0, the lowest value, to 1; none for a category, special code or missing value.
    """

    feature: str
    contributions: tuple[float, ...]
    ranks: tuple[float | None, ...]


class GlobalExplanation(Frozen):
    """What drives a model over a sample of rows.

    `residual` is the largest difference between base plus contributions and margin: at most 1e-6.
    """

    rows: int
    base: float
    residual: float
    features: tuple[FeatureImportance, ...]
    swarms: tuple[Swarm, ...]
    dependences: tuple[Dependence, ...]

    @property
    def importance(self) -> dict[str, float]:
        """Feature -> share of importance; the shares sum to 1 unless nothing contributes."""
        return {each.feature: each.share for each in self.features}


class Contribution(Frozen):
    """One feature's part in one decision."""

    feature: str
    value: str
    contribution: float


class LimeTerm(Frozen):
    """One condition of a LIME table, and what meeting it adds to the margin.

    `effect` is the weight against the average application: what compares with a contribution.
    """

    feature: str
    condition: str
    weight: float
    effect: float


class LimeTable(Frozen):
    """The strongest conditions around one application, and how well the table fits the model."""

    terms: tuple[LimeTerm, ...]
    fidelity: float
    samples: int


class Agreement(Frozen):
    """How far LIME and contributions tell the same story of one application.

    `same_sign` is the share of the `top` strongest contributions whose LIME effect has the same
    sign; `rank_correlation` is Spearman's correlation of absolute sizes over all features. Both are
    none where nothing contributes. Two methods that ask different questions need not agree:
    contributions account for the decision exactly, LIME fits a neighbourhood.
    """

    top: int
    same_sign: float | None
    rank_correlation: float | None


class Case(Frozen):
    """A row that is worth a look, and why."""

    title: str
    row: int
    probability: float
    decision: str


class LocalExplanation(Frozen):
    """One decision explained: base plus contributions is the margin. Strongest first."""

    case: Case
    base: float
    margin: float
    contributions: tuple[Contribution, ...]
    lime: LimeTable
    agreement: Agreement


class MonotoneCheck(Frozen):
    """Whether a model keeps a declared direction when one feature alone is moved.

    `violated` is the share of rows in which the margin goes against the direction by more than
    1e-9 somewhere on the way, and `largest` the greatest such step back, on the margin's scale.
    """

    feature: str
    direction: Direction
    rows: int
    violated: float
    largest: float


@dataclass(frozen=True)
class LimePlan:
    """How LIME tables are made: applications drawn around a case, and conditions shown."""

    seed: int
    samples: int = 5000
    terms: int = 8


def additive_contributions(reasons: Reasons, features: Features) -> tuple[FloatArray, float]:
    """Contributions [rows, features] and the largest residual of their sums.

    Raises:
        ExplanationError: base plus contributions miss a margin by more than 1e-6, or are no number.
    """
    contributions = reasons.contributions(features)
    gaps = np.abs(reasons.base + contributions.sum(axis=1) - reasons.margin(features))
    residual = float(gaps.max(initial=0.0))
    if not residual <= MOST_RESIDUAL:
        raise ExplanationError(
            f"contributions miss the margin by {residual:.2g} in row {int(gaps.argmax())}, at most "
            f"{MOST_RESIDUAL:g} is allowed: they do not explain this model"
        )
    return contributions, residual


def explain_globally(
    reasons: Reasons, feature_map: FeatureMap, features: Features, top: int = TOP
) -> GlobalExplanation:
    """Importance of every feature over these rows; swarms and dependences of the `top` ones.

    Raises:
        ExplanationError: the contributions do not add up.
    """
    contributions, residual = additive_contributions(reasons, features)
    columns = _columns(feature_map, features)
    sizes = np.abs(contributions).mean(axis=0) if len(features) else np.zeros(len(columns))
    strongest = np.argsort(-sizes, kind="stable")
    total = sizes.sum()
    return GlobalExplanation(
        rows=len(features),
        base=float(reasons.base),
        residual=residual,
        features=tuple(
            FeatureImportance(
                feature=columns[position].name,
                importance=float(sizes[position]),
                share=float(sizes[position] / total) if total > 0 else 0.0,
                direction=columns[position].direction(contributions[:, position]),
            )
            for position in strongest
        ),
        swarms=tuple(
            columns[position].swarm(contributions[:, position]) for position in strongest[:top]
        ),
        dependences=tuple(
            columns[position].dependence(contributions[:, position]) for position in strongest[:top]
        ),
    )


@dataclass(frozen=True)
class _Column:
    """One feature's values: ordinary ones in rows `ordinary`, all others by their name."""

    name: str
    unit: str
    values: FloatArray
    ordinary: NDArray[np.bool_]
    names: NDArray[np.object_]

    def direction(self, contributions: FloatArray) -> float | None:
        return _rank_correlation(self.values[self.ordinary], contributions[self.ordinary])

    def swarm(self, contributions: FloatArray) -> Swarm:
        ranks = np.full(len(self.values), np.nan)
        ranks[self.ordinary] = _relative_ranks(self.values[self.ordinary])
        return Swarm(
            feature=self.name,
            contributions=tuple(contributions.tolist()),
            ranks=tuple(None if np.isnan(rank) else rank for rank in ranks.tolist()),
        )

    def dependence(self, contributions: FloatArray) -> Dependence:
        return Dependence(
            feature=self.name,
            unit=self.unit,
            values=tuple(self.values[self.ordinary].tolist()),
            contributions=tuple(contributions[self.ordinary].tolist()),
            levels=self._levels(contributions),
        )

    def _levels(self, contributions: FloatArray) -> tuple[LevelEffect, ...]:
        counts = Counter(self.names[~self.ordinary].tolist())
        return tuple(
            LevelEffect(
                level=name,
                rows=rows,
                contribution=float(contributions[self.names == name].mean()),
            )
            for name, rows in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        )


def _columns(feature_map: FeatureMap, features: Features) -> list[_Column]:
    """Every feature in the order of the contributions."""
    schema = feature_map.schema
    columns = []
    for number, values in zip(feature_map.layout.numbers, features.numbers.T, strict=True):
        ordinary = is_ordinary(values, number)
        names = np.full(len(values), "", dtype=object)
        for row in np.flatnonzero(~ordinary):
            names[row] = special_name(feature_map, number.name, float(values[row]))
        columns.append(
            _Column(number.name, schema.feature(number.name).unit, values, ordinary, names)
        )
    for position, category in enumerate(feature_map.layout.categories):
        codes = features.codes[:, position]
        levels = [level_name(feature_map, position, code) for code in range(category.codes)]
        names = np.array(levels, dtype=object)[codes]
        nowhere = np.zeros(len(codes), dtype=bool)
        columns.append(_Column(category.name, "", codes.astype(np.float64), nowhere, names))
    return columns


def is_ordinary(values: FloatArray, number: NumberFeature) -> NDArray[np.bool_]:
    """Which values [rows] are neither missing nor a special code."""
    return ~np.isnan(values) & ~np.isin(values, number.special_codes)


def _relative_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 0, the lowest, to 1; 0.5 where all are equal."""
    ranks = rankdata(values, method="dense") - 1
    return ranks / ranks.max() if ranks.max(initial=0) > 0 else np.full(len(values), 0.5)


def _rank_correlation(one: FloatArray, other: FloatArray) -> float | None:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)


def choose_cases(
    probability: FloatArray,
    decisions: NDArray[Any],
    thresholds: tuple[float, float],
    most: int = 4,
) -> tuple[Case, ...]:
    """The riskiest approved, the safest declined, and those nearest to either threshold.

    Args:
        probability: probabilities of default, [rows].
        decisions: approve, review or decline, [rows].
        thresholds: approve below the first, decline from the second on.
        most: how many cases at most; the order above says which.

    Of equal rows the first is taken, and no row twice.
    """
    approve_below, decline_above = thresholds
    anything = np.ones(len(probability), dtype=bool)
    wanted = [
        ("Riskiest approved", decisions == "approve", -probability),
        ("Safest declined", decisions == "decline", probability),
        ("Nearest to the limit of approval", anything, np.abs(probability - approve_below)),
    ]
    if decline_above > approve_below:
        distance = np.abs(probability - decline_above)
        wanted.append(("Nearest to the limit of decline", anything, distance))
    chosen: dict[int, Case] = {}
    for title, allowed, rank in wanted:
        open_to = [row for row in np.flatnonzero(allowed).tolist() if row not in chosen]
        if open_to and len(chosen) < most:
            row = open_to[int(np.argmin(rank[open_to]))]
            chosen[row] = Case(
                title=title,
                row=row,
                probability=float(probability[row]),
                decision=str(decisions[row]),
            )
    return tuple(chosen.values())


def explain_case(
    reasons: Reasons, lime: Lime, features: Features, case: Case, plan: LimePlan
) -> LocalExplanation:
    """All contributions of one row of these features, and the LIME table beside them.

    Raises:
        ExplanationError: the contributions do not add up.
    """
    row = features[case.row : case.row + 1]
    contributions = additive_contributions(reasons, row)[0][0]
    surrogate = lime.explain(reasons.margin, row, plan.samples, plan.seed)
    names = _names(lime.feature_map)
    values = [*row.numbers[0].tolist(), *row.codes[0].tolist()]
    return LocalExplanation(
        case=case,
        base=float(reasons.base),
        margin=float(reasons.margin(row)[0]),
        contributions=tuple(
            Contribution(
                feature=names[position],
                value=value_text(lime.feature_map, position, values[position]),
                contribution=float(contributions[position]),
            )
            for position in _by_size(contributions)
        ),
        lime=_lime_table(names, surrogate, plan),
        agreement=agreement(contributions, surrogate.effects),
    )


def _names(feature_map: FeatureMap) -> tuple[str, ...]:
    return (*feature_map.schema.number_features, *feature_map.schema.category_features)


def _by_size(values: FloatArray) -> list[int]:
    return [int(position) for position in np.argsort(-np.abs(values), kind="stable")]


def _lime_table(names: Sequence[str], surrogate: Surrogate, plan: LimePlan) -> LimeTable:
    terms = tuple(
        LimeTerm(
            feature=names[position],
            condition=surrogate.conditions[position],
            weight=float(surrogate.weights[position]),
            effect=float(surrogate.effects[position]),
        )
        for position in _by_size(surrogate.effects)[: plan.terms]
    )
    return LimeTable(terms=terms, fidelity=surrogate.fidelity, samples=plan.samples)


def agreement(
    contributions: FloatArray, effects: FloatArray, top: int = AGREEMENT_TOP
) -> Agreement:
    """Compare contributions with LIME's effects, [features] each.

    >>> found = agreement(np.array([0.5, -0.3, 0.1]), np.array([0.4, 0.2, 0.1]), top=2)
    >>> found.same_sign, round(found.rank_correlation, 6)
    (0.5, 1.0)
    """
    strongest = [position for position in _by_size(contributions) if contributions[position] != 0]
    strongest = strongest[:top]
    same = np.sign(contributions[strongest]) == np.sign(effects[strongest])
    return Agreement(
        top=len(strongest),
        same_sign=float(same.mean()) if strongest else None,
        rank_correlation=_rank_correlation(np.abs(contributions), np.abs(effects)),
    )


def monotone_checks(
    margin: Callable[[Features], FloatArray],
    feature_map: FeatureMap,
    training: Features,
    rows: int = 200,
    steps: int = 16,
    seed: int = 0,
) -> tuple[MonotoneCheck, ...]:
    """Move every feature with a declared direction over its training quantiles, all else held.

    The sweep is one feature at a time, so a derived feature does not follow its operands: what is
    checked is the model's own answer, in the space that it reads.

    Args:
        margin: the trained model's margin.
        training: rows that quantiles and the sample are taken from.
        rows: how many rows are moved, drawn with `seed`.
        steps: how many quantiles.
    """
    moved = training[drawn(len(training), rows, seed)]
    checks = []
    for position, number in enumerate(feature_map.layout.numbers):
        if number.monotone is None:
            continue
        column = training.numbers[:, position]
        grid = _grid(column[is_ordinary(column, number)], steps)
        steps_back = _steps_back(margin, moved, position, grid, number.monotone)
        checks.append(
            MonotoneCheck(
                feature=number.name,
                direction=number.monotone,
                rows=len(moved),
                violated=float((steps_back > LEAST_VIOLATION).mean()),
                largest=float(steps_back.max(initial=0.0)),
            )
        )
    return tuple(checks)


def _grid(ordinary: FloatArray, steps: int) -> FloatArray:
    """Distinct training values at evenly spaced quantiles, ascending."""
    if len(ordinary) == 0:
        return np.empty(0)
    return np.unique(np.quantile(ordinary, np.linspace(0, 1, steps), method="inverted_cdf"))


def _steps_back(
    margin: Callable[[Features], FloatArray],
    moved: Features,
    position: int,
    grid: FloatArray,
    direction: Direction,
) -> FloatArray:
    """How far below an earlier point of its way each row's margin falls at most, [rows]."""
    if len(grid) < 2:
        return np.zeros(len(moved))
    numbers = np.repeat(moved.numbers, len(grid), axis=0)
    numbers[:, position] = np.tile(grid, len(moved))
    path = margin(Features(numbers, np.repeat(moved.codes, len(grid), axis=0)))
    path = path.reshape(len(moved), len(grid)) * (1 if direction == "increasing" else -1)
    falls: FloatArray = np.maximum.accumulate(path, axis=1) - path
    return np.asarray(falls.max(axis=1))
