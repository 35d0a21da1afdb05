"""Approval parity over time: who is approved, by protected group, in each period.

The rates, the reference group and the adverse-impact ratio are those of the audit of a training
(`credit.fairness`), but nothing here needs an outcome. Groups that are too small are counted and
not judged, and their rates are left out: they would tell of single persons.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from credit.fairness import ColumnAudit, GroupAudit, Worst, audit
from credit.groups import Groups
from credit.intervals import Interval
from credit.plan import FairnessPlan
from credit.spec import Frozen


class GroupParity(Frozen):
    """One group in one period; rates are none where it is too small to be judged.

    impact_ratio: approval rate over that of the reference group; none for that group itself.
    """

    group: str
    rows: int
    is_reference: bool
    approval_rate: Interval | None
    impact_ratio: Interval | None


class ColumnParity(Frozen):
    """A protected column in one period; worst: none where no two groups can be judged."""

    name: str
    groups: tuple[GroupParity, ...]
    worst: Worst | None


class Parity(Frozen):
    """All protected columns in one period; worst: over the columns."""

    period: str
    rows: int
    columns: tuple[ColumnParity, ...]
    worst: Worst | None


def parity(
    periods: NDArray[np.object_],
    decisions: NDArray[np.object_],
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
    seed: int,
) -> tuple[Parity, ...]:
    """Approval by group in each period, the oldest first; periods sort by their names.

    Args:
        periods: of each row [rows].
        decisions: "approve", "review" or "decline", as they came out in the end [rows].
        groups: `credit.groups.protected_groups` of the same rows.
        plan: the minimum size of a group, and how the intervals are drawn.
        seed: of the draws.

    Raises:
        ValueError: a decision is none of the three.
    """
    return tuple(
        _parity(
            period,
            decisions[periods == period],
            {name: each[periods == period] for name, each in groups.items()},
            plan,
            seed,
        )
        for period in sorted(set(periods.tolist()))
    )


def _parity(
    period: str,
    decisions: NDArray[np.object_],
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
    seed: int,
) -> Parity:
    unknown = np.zeros(len(decisions), dtype=np.int8)  # what becomes of them is not looked at
    audited = audit(decisions, unknown, groups, plan, seed)
    return Parity(
        period=period,
        rows=audited.rows,
        columns=tuple(_column(column) for column in audited.columns),
        worst=audited.worst,
    )


def _column(column: ColumnAudit) -> ColumnParity:
    return ColumnParity(
        name=column.name,
        groups=tuple(_group(group) for group in column.groups if group.rows),
        worst=column.worst,
    )


def _group(group: GroupAudit) -> GroupParity:
    return GroupParity(
        group=group.group,
        rows=group.rows,
        is_reference=group.is_reference,
        approval_rate=group.approval_rate if group.judged else None,
        impact_ratio=group.impact_ratio if group.judged and not group.is_reference else None,
    )
