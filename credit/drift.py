"""Data drift: how far each column of a window has moved from the reference, and what that means.

`compare` computes, `judge` judges. A column's drift score is s = p^a / (p^a + 0.1^a), where a is
0.925 and p is PSI less its expectation under no drift: 0.5 is a PSI of 0.10, 0.7 one of 0.25, and
a small window does not score by being small. A column has drifted when its score is at least 0.5
and its test is significant after Benjamini and Hochberg (1995) over all columns.

The test of categories is chi-square. That of numbers is Kolmogorov-Smirnov on their values; where
values are missing or special codes, which have no place in an order, chi-square on these kinds
stands beside it, and the smaller of both p-values counts, doubled.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import false_discovery_control

from credit.distances import (
    Tested,
    chi_square,
    excess_psi,
    jensen_shannon,
    kolmogorov_smirnov_of_counts,
    wasserstein_of_counts,
)
from credit.intervals import NORMAL_95, Interval, newcombe
from credit.plan import DriftPlan
from credit.profiles import CategoryProfile, ColumnProfile, NumberProfile
from credit.shifts import ColumnDrift, ColumnShift, Level, Movement, TestName, WindowDrift

POWER = 0.925
PSI_AT_HALF = 0.10
COLUMN_DRIFTED = 0.5


def drift_score(psi: float) -> float:
    """The score from 0 to 1 of a PSI that is already less its expectation.

    >>> [round(drift_score(psi), 3) for psi in (0.0, 0.1, 0.25)]
    [0.0, 0.5, 0.7]
    """
    raised = (psi / PSI_AT_HALF) ** POWER
    return float(raised / (raised + 1))


def compare(name: str, reference: ColumnProfile, window: ColumnProfile) -> ColumnShift:
    """How far a column of the window has moved.

    Raises:
        ValueError: the profiles have different bins, so that they cannot be compared.
    """
    psi = excess_psi(_same_bins(name, reference, window), window.psi_counts)
    shared = {
        "name": name,
        "score": drift_score(psi),
        "psi": psi,
        "missing": _missing(reference, window),
    }
    if isinstance(reference, NumberProfile) and isinstance(window, NumberProfile):
        return ColumnShift(**shared, **_number(reference, window))
    if isinstance(reference, CategoryProfile) and isinstance(window, CategoryProfile):
        return ColumnShift(**shared, **_category(reference, window))
    raise ValueError(f"{name}: a number and a category cannot be compared")


def judge(
    shifts: Mapping[str, ColumnShift],
    importance: Mapping[str, float],
    rows: int,
    reference_rows: int,
    plan: DriftPlan,
) -> WindowDrift:
    """What the columns' shifts mean together.

    Args:
        shifts: of each column.
        importance: what each column carries of the champion's contributions; columns without one
            count nothing, and without any all count the same.
        rows, reference_rows: of window and reference; a window with fewer than `plan.fewest_rows`
            is calm whatever it shows.
        plan: the thresholds.
    """
    columns = _judged_columns(shifts, _shares(shifts, importance), plan)
    if rows < plan.fewest_rows:
        columns = [column.model_copy(update={"has_drifted": False}) for column in columns]
    drifted = [column for column in columns if column.has_drifted]
    score = max(_spread(drifted), _worst(drifted, columns, plan))
    return WindowDrift(
        rows=rows,
        reference_rows=reference_rows,
        score=score,
        drifted=len(drifted),
        level=_level(score, len(drifted), len(columns), plan),
        columns=tuple(sorted(columns, key=lambda column: -column.shift.score)),
    )


def _judged_columns(
    shifts: Mapping[str, ColumnShift], shares: Mapping[str, float], plan: DriftPlan
) -> list[ColumnDrift]:
    if not shifts:
        return []
    adjusted = false_discovery_control([shift.p_value for shift in shifts.values()])
    return [
        ColumnDrift(
            shift=shift,
            importance=shares[name],
            adjusted_p_value=float(p),
            has_drifted=shift.score >= COLUMN_DRIFTED and float(p) < plan.significance,
        )
        for (name, shift), p in zip(shifts.items(), adjusted, strict=True)
    ]


def _shares(shifts: Mapping[str, ColumnShift], importance: Mapping[str, float]) -> dict[str, float]:
    known = {name: importance.get(name, 0.0) for name in shifts}
    total = sum(known.values())
    if not total:
        return dict.fromkeys(known, 1 / len(known)) if known else {}
    return {name: value / total for name, value in known.items()}


def _spread(drifted: list[ColumnDrift]) -> float:
    """Drift over all that the champion looks at."""
    return sum(column.importance * column.shift.score for column in drifted)


def _worst(drifted: list[ColumnDrift], columns: list[ColumnDrift], plan: DriftPlan) -> float:
    """The worst drift of a column that matters to the champion."""
    leading = sorted(columns, key=lambda column: -column.importance)[: plan.leading_columns]
    names = {column.shift.name for column in leading}
    return max(
        (
            column.shift.score
            for column in drifted
            if column.importance >= plan.leading_share or column.shift.name in names
        ),
        default=0.0,
    )


def _level(score: float, drifted: int, columns: int, plan: DriftPlan) -> Level:
    if score > plan.critical:
        return "critical"
    many = columns > 0 and drifted / columns > plan.most_drifted
    return "warning" if score >= plan.warning or many else "calm"


def _same_bins(name: str, reference: ColumnProfile, window: ColumnProfile) -> np.ndarray:
    if len(reference.psi_counts) != len(window.psi_counts):
        raise ValueError(f"{name}: the window's profile is not in the reference's bins")
    return reference.psi_counts


def _number(reference: NumberProfile, window: NumberProfile) -> dict[str, object]:
    way = wasserstein_of_counts(reference.ordinary, window.ordinary, _positions(reference, window))
    deviation = reference.deviation
    return {
        **_number_test(reference, window),
        "distance": float(way / deviation) if np.isfinite(way) and deviation > 0 else None,
        "mean": _mean(reference, window),
    }


def _number_test(reference: NumberProfile, window: NumberProfile) -> dict[str, object]:
    values = kolmogorov_smirnov_of_counts(reference.ordinary, window.ordinary)
    if not (reference.kinds + window.kinds)[:-1].any():
        return _tested("Kolmogorov-Smirnov", values)
    kinds = chi_square(reference.kinds, window.kinds)
    if kinds.p_value < values.p_value:
        return _tested("chi-square", kinds, of=2)
    return _tested("Kolmogorov-Smirnov", values, of=2)


def _positions(reference: NumberProfile, window: NumberProfile) -> np.ndarray:
    """The mean of what either side has in each fine bin; 0 where there is nothing."""
    both = reference + window
    first = reference.grid.first
    rows = both.counts[first:]
    return np.divide(both.sums[first:], rows, out=np.zeros(len(rows)), where=rows > 0)


def _category(reference: CategoryProfile, window: CategoryProfile) -> dict[str, object]:
    tested = chi_square(reference.counts, window.counts)
    distance = jensen_shannon(reference.counts, window.counts)
    return {
        **_tested("chi-square", tested),
        "distance": distance if np.isfinite(distance) else None,
        "new_levels": window.new / window.rows if window.rows else None,
    }


def _tested(name: TestName, tested: Tested, of: int = 1) -> dict[str, object]:
    """The smallest p-value of so many tests (Bonferroni)."""
    p_value = min(of * tested.p_value, 1.0)
    return {"test": name, "statistic": tested.statistic, "p_value": p_value}


def _missing(reference: ColumnProfile, window: ColumnProfile) -> Movement:
    if not reference.rows or not window.rows:
        return Movement(reference=0.0, window=0.0, change=0.0, low=-1.0, high=1.0)
    change = newcombe(reference.missing, reference.rows, window.missing, window.rows)
    return _movement(reference.missing / reference.rows, window.missing / window.rows, change)


def _mean(reference: NumberProfile, window: NumberProfile) -> Movement | None:
    """Welch's interval of the difference of means; none where a side has fewer than 2 values."""
    rows, others = reference.ordinary.sum(), window.ordinary.sum()
    if min(rows, others) < 2:
        return None
    error = np.hypot(reference.deviation / np.sqrt(rows), window.deviation / np.sqrt(others))
    half, change = NORMAL_95 * float(error), window.mean - reference.mean
    return _movement(reference.mean, window.mean, Interval(change, change - half, change + half))


def _movement(before: float, now: float, change: Interval) -> Movement:
    return Movement(
        reference=before, window=now, change=change.value, low=change.low, high=change.high
    )
