"""Approval parity over time: rates by hand, the same as the audit's, and no rate of few persons."""

import numpy as np
import pytest

from credit.fairness import audit
from credit.groups import Groups
from credit.parity import parity
from credit.plan import FairnessPlan

PLAN = FairnessPlan(
    fewest_per_group=20, least_impact_ratio=0.8, auc_tolerance=0, bootstrap_samples=100
)
NAMES = ("female", "male", "other")


def applicants(approved: dict[str, tuple[int, int, int]], rows=(100, 100, 5)):
    """Each month's approvals of each group, of as many applications of it."""
    periods, decided, codes = [], [], []
    for month, counts in approved.items():
        for code, (count, total) in enumerate(zip(counts, rows, strict=True)):
            periods += [month] * total
            decided += ["approve"] * count + ["decline"] * (total - count)
            codes += [code] * total
    groups = {"sex": Groups(NAMES, np.array(codes), ("male",))}
    return np.array(periods, dtype=object), np.array(decided, dtype=object), groups


def test_a_ratio_that_falls_from_month_to_month():
    rows = applicants({"2026-02": (60, 80, 4), "2026-01": (80, 80, 4)})
    january, february = parity(*rows, PLAN, seed=1)
    assert (january.period, january.worst.ratio.value) == ("2026-01", 1.0)
    assert february.worst.ratio.value == pytest.approx(0.75)
    assert february.worst.group == "female"
    assert february.worst.ratio.low < 0.75 < february.worst.ratio.high


def test_groups_too_small_to_judge_are_counted_and_have_no_rate():
    (month,) = parity(*applicants({"2026-01": (60, 80, 4)}), PLAN, seed=1)
    (sex,) = month.columns
    female, male, other = sex.groups
    assert female.approval_rate.value == pytest.approx(0.6)
    assert female.impact_ratio.value == pytest.approx(0.75)
    assert (male.is_reference, male.impact_ratio) == (True, None)
    assert (other.rows, other.approval_rate, other.impact_ratio) == (5, None, None)


def test_it_is_the_audit_of_a_training():
    periods, decided, groups = applicants({"2026-01": (61, 83, 2)})
    (month,) = parity(periods, decided, groups, PLAN, seed=7)
    audited = audit(decided, np.zeros(len(decided), np.int8), groups, PLAN, seed=7)
    assert month.worst == audited.worst
    assert month.columns[0].groups[0].approval_rate == audited.columns[0].groups[0].approval_rate


def test_a_month_in_which_no_group_is_large_enough():
    (month,) = parity(*applicants({"2026-01": (3, 4, 1)}, rows=(5, 5, 5)), PLAN, seed=1)
    assert month.worst is None
    assert [group.approval_rate for group in month.columns[0].groups] == [None] * 3
