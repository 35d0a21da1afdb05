"""What monitoring says of a champion's performance, as it is stored and shown."""

from collections.abc import Mapping
from datetime import datetime

from credit.concept import Concept
from credit.estimation import Estimate, Realised
from credit.intervals import Interval
from credit.overrides import Overrides
from credit.parity import Parity
from credit.performance import Performance
from credit.spec import Frozen
from credit.vintages import Vintage

# What it does to each figure that outcomes exist only for approved applicants.
NOTES: Mapping[str, str] = {
    "overall": (
        "Outcomes exist only for approved applicants. These rows are those that the champion's own "
        "policy approves, and the baseline is that part of its test set. How it would rank the "
        "declined stays unknown, and among the approved, who are alike, AUC and Gini are lower "
        "than among all."
    ),
    "others": (
        "Approved then by a person or an earlier model, where the champion would not: the only "
        "ones beyond its policy whose outcomes are known. People chose them, so they stand for "
        "themselves and not for all whom it declines."
    ),
    "vintages": (
        "As above, by the month or quarter of the decision. Who is approved changes with model and "
        "policy, so vintages of different models differ by that too."
    ),
    "concept": (
        "Measured on approved applicants alone: a relation to default that changed only among the "
        "declined does not show."
    ),
    "estimate": (
        "What may be expected of approved applications that have not matured. It assumes that "
        "the calibration holds and that features go with default as they did; both fail in a "
        "downturn. The errors of earlier estimates stand beside it, of approved applicants too."
    ),
    "overrides": (
        "All decisions count. What would have become of those who were declined, by the model or "
        "by a person, stays unknown."
    ),
    "fairness": (
        "Approval needs no outcome, so all applicants count who stated the attribute. Whether the "
        "declined would have paid stays unknown, so equal opportunity cannot be watched here."
    ),
}


class PeriodOverrides(Frozen):
    """What people made of the decisions of one period."""

    period: str
    overrides: Overrides


class BookEstimate(Frozen):
    """What is expected of approved applications of a package that have not matured yet.

    start, end: when they were decided on. assumed: the champion's metrics on its test set, which
    the estimate is to beat.
    """

    start: datetime
    end: datetime
    estimate: Estimate
    assumed: Mapping[str, Interval]


class EstimateError(Frozen):
    """An earlier estimate, held against the outcomes of its rows.

    rows: that were estimated. known: how many of them have an outcome by now.
    """

    estimated_at: datetime
    rows: int
    known: int
    measures: tuple[Realised, ...]


class Fairness(Frozen):
    """Approval parity by period; problem: why there is none."""

    rows: int = 0
    periods: tuple[Parity, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()


class PerformanceFindings(Frozen):
    """All that one look at a champion's performance found.

    window_start: outcomes count that matured after it. overall: the newest rows
    that the champion's policy approves. others: matured rows that it does not. due, unreported,
    unreadable: see `tasks.monitoring.matured.MaturedRows`. notes: what it means for each figure
    that outcomes exist only for approved applicants.
    """

    window_start: datetime
    window_end: datetime
    horizon_months: int
    threshold: float
    due: int
    unreported: int
    unreadable: int
    overall: Performance
    others: Performance
    vintages: tuple[Vintage, ...]
    concept: Concept | None
    estimate: BookEstimate | None
    estimate_errors: tuple[EstimateError, ...]
    overrides: tuple[PeriodOverrides, ...]
    fairness: Fairness
    notes: Mapping[str, str] = NOTES
