"""What drives a model: its features overall, single decisions, and whether directions hold.

Contributions come from the reason model of the model that decides, never from another one; they
are on the scale of its margin (log-odds, or probability for the forest) and rise with risk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from credit.expressions import FloatArray
from credit.features import FeatureMap, Features, NumberFeature
from credit.lime import Lime, Surrogate
from credit.spec import Direction, Frozen
from credit.values import level_name, special_name, value_text

MOST_RESIDUAL = 1e-6
LEAST_VIOLATION = 1e-9
AGREEMENT_TOP = 5


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
    """How LIME tables are made."""

    samples: int
    terms: int
    seed: int


def additive_contributions(reasons: Reasons, features: Features) -> tuple[FloatArray, float]:
    """Contributions [rows, features] and the largest residual of their sums.

    Raises:
        ExplanationError: base plus contributions miss a margin by more than 1e-6, or are no number.
    """
    raise NotImplementedError


def explain_globally(
    reasons: Reasons, feature_map: FeatureMap, features: Features, top: int = 8
) -> GlobalExplanation:
    """Importance of every feature over these rows; swarms and dependence of the `top` ones.

    Raises:
        ExplanationError: the contributions do not add up.
    """
    raise NotImplementedError


def choose_cases(
    probability: FloatArray,
    decisions: NDArray[np.object_],
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
    raise NotImplementedError


def explain_case(
    reasons: Reasons, lime: Lime, features: Features, case: Case, plan: LimePlan
) -> LocalExplanation:
    """All contributions of one row, and the LIME table beside them.

    Raises:
        ExplanationError: the contributions do not add up.
    """
    raise NotImplementedError


def monotone_checks(
    margin: Callable[[Features], FloatArray],
    feature_map: FeatureMap,
    training: Features,
    rows: int = 200,
    steps: int = 16,
    seed: int = 0,
) -> tuple[MonotoneCheck, ...]:
    """Move every feature with a declared direction over its training quantiles, all else held.

    Args:
        margin: the trained model's margin.
        training: rows that quantiles and the sample are taken from.
        rows: how many rows are moved, drawn with `seed`.
        steps: how many quantiles.
    """
    raise NotImplementedError
