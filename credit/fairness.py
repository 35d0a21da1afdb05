"""The audit of decisions by protected groups: who is approved, and who of those that would pay.

Approval is the favourable outcome and a review does not count as one. Rates and their differences
are those of fairlearn's MetricFrame; they are computed from counts, because counts are all that a
bootstrap needs as well.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from credit.groups import Groups
from credit.labels import BadArray
from credit.metrics import Interval
from credit.plan import FairnessPlan
from credit.spec import Frozen

SCORE_FORMULA = (
    "100 x the mean over protected columns of the smaller of two ratios, each at most 1: the worst "
    "adverse-impact ratio and the worst ratio of approval rates among good payers, over the groups "
    "of the column that are judged; 80 is the four-fifths rule where there is one column"
)


class Worst(Frozen):
    """The judged group with the lowest adverse-impact ratio, and the group it is held against."""

    column: str
    group: str
    against: str
    rows: int
    ratio: Interval

    def __str__(self) -> str:
        return f"{self.column}: {self.group} against {self.against}, {self.ratio}"


class GroupAudit(Frozen):
    """One group of a column.

    A group below the minimum size is shown and not judged. Ratios and differences are against the
    reference group, differences as group less reference; None where nothing can be divided.

    Attributes:
        approval_rate: share approved (demographic parity).
        impact_ratio: approval rate over that of the reference group (adverse-impact ratio).
        good_approval_rate: share approved of those who paid (equal opportunity).
        bad_approval_rate: share approved of those who defaulted.
        odds_difference: the larger absolute difference of the two rates (equalized odds).
    """

    group: str
    rows: int
    goods: int
    bads: int
    is_reference: bool
    judged: bool
    approval_rate: Interval
    impact_ratio: Interval | None
    parity_difference: Interval | None
    good_approval_rate: Interval | None
    opportunity_ratio: Interval | None
    opportunity_difference: Interval | None
    bad_approval_rate: Interval | None
    odds_difference: Interval | None


class ColumnAudit(Frozen):
    """A protected column, or a pair of them.

    The three differences are the largest between any two judged groups, as fairlearn's
    demographic_parity_difference, equal_opportunity_difference and equalized_odds_difference.

    Attributes:
        reference: the group that others are compared with; None when it has no rows.
        reference_stated: whether the spec names it; else it is the largest group.
        worst: None when no two groups can be judged.
        score: from 0 to 100, see `SCORE_FORMULA`; None when no two groups can be judged.
        notes: sentences on what could not be judged, and why.
    """

    name: str
    columns: tuple[str, ...]
    reference: str | None
    reference_stated: bool
    groups: tuple[GroupAudit, ...]
    parity_difference: Interval | None
    opportunity_difference: Interval | None
    odds_difference: Interval | None
    worst: Worst | None
    score: float | None
    notes: tuple[str, ...] = ()


class FairnessAudit(Frozen):
    """Every protected column and every pair of them.

    Attributes:
        worst: over the columns; None when nothing can be judged.
        worst_intersection: over the pairs.
        score: from 0 to 100; None when nothing can be judged.
        score_formula: how the score is computed.
        breaches: every judged group, pairs included, below `least_impact_ratio`, worst first.
    """

    rows: int
    approval_rate: float
    fewest_per_group: int
    least_impact_ratio: float
    bootstrap_samples: int
    columns: tuple[ColumnAudit, ...]
    intersections: tuple[ColumnAudit, ...]
    worst: Worst | None
    worst_intersection: Worst | None
    breaches: tuple[Worst, ...]
    score: float | None
    score_formula: str = SCORE_FORMULA
    notes: tuple[str, ...] = ()


def audit(
    decisions: NDArray[np.object_],
    bad: BadArray,
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
    seed: int,
) -> FairnessAudit:
    """Audit decisions [rows] of "approve", "review" or "decline" by every protected column.

    Args:
        decisions: what was decided on each row.
        bad: 1 for a bad row, 0 for a good one [rows].
        groups: `credit.groups.protected_groups` of the same rows.
        plan: the minimum size of a group, the least ratio, the bootstrap's samples.
        seed: of the bootstrap.
    """
    raise NotImplementedError


def worst_impact_ratio(
    approved: NDArray[np.bool_], groups: Mapping[str, Groups], plan: FairnessPlan
) -> float | None:
    """The lowest adverse-impact ratio of the columns, without an interval: quick to compare by."""
    raise NotImplementedError
