"""What a drift check says: how columns moved, what a window means, and what several do.

It is apart from the statistics (`credit.drift`), for who only shows it has no need of SciPy.
"""

from collections.abc import Mapping
from typing import Literal

from credit.spec import Frozen

Level = Literal["calm", "warning", "critical"]
TestName = Literal["Kolmogorov-Smirnov", "chi-square"]


class Movement(Frozen):
    """A change from reference to window, with its 95% interval."""

    reference: float
    window: float
    change: float
    low: float
    high: float


class ColumnShift(Frozen):
    """How far one column has moved; no judgement.

    psi: less its expectation under no drift. test: the one that decided. distance: of numbers
    Wasserstein's in standard deviations of the reference, of categories Jensen and Shannon's;
    none where a side has no values. missing: share without a value. mean: in the column's unit.
    new_levels: share of the window's rows with a level that the reference never had.
    """

    name: str
    score: float
    psi: float
    test: TestName
    statistic: float
    p_value: float
    distance: float | None
    missing: Movement
    mean: Movement | None = None
    new_levels: float | None = None


class ColumnDrift(Frozen):
    """A column's shift, judged among the others.

    importance: the column's share of the champion's contributions.
    """

    shift: ColumnShift
    importance: float
    adjusted_p_value: float
    has_drifted: bool


class WindowDrift(Frozen):
    """What a window's columns say together; columns come with the worst first.

    rows: of the window. level: of this window alone; an alert wants more than one (see `alert`).
    probability, decisions: what the champion said; shown, and not part of score and level.
    faults: columns that could not be compared, and why; they are not among the columns.
    """

    rows: int
    reference_rows: int
    score: float
    drifted: int
    level: Level
    columns: tuple[ColumnDrift, ...]
    probability: ColumnShift | None = None
    decisions: ColumnShift | None = None
    faults: Mapping[str, str] = {}

    @property
    def drifted_share(self) -> float:
        """The share of columns that have drifted."""
        return self.drifted / len(self.columns) if self.columns else 0.0


def alert(levels: list[Level]) -> Level:
    """What windows in their order mean by now: one critical window, or two in a row not calm.

    >>> alert(["calm", "warning"]), alert(["warning", "warning"]), alert(["calm", "critical"])
    ('calm', 'warning', 'critical')
    """
    if not levels or levels[-1] == "calm":
        return "calm"
    if levels[-1] == "critical":
        return "critical"
    return "warning" if len(levels) > 1 and levels[-2] != "calm" else "calm"
