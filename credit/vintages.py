"""Performance by vintage: applications that were decided in the same month or quarter.

All of a vintage have the same time to turn bad, so vintages can be compared with each other.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from credit.expressions import FloatArray
from credit.labels import BadArray
from credit.performance import Performance
from credit.spec import Frozen

Length = Literal["month", "quarter"]


class Vintage(Frozen):
    """How the champion does on the applications of one period."""

    period: str
    performance: Performance


def by_vintage(
    at: Sequence[datetime],
    bad: BadArray,
    probability: FloatArray,
    length: Length,
    measure: Callable[[BadArray, FloatArray], Performance],
) -> tuple[Vintage, ...]:
    """Measure each vintage, the oldest first.

    Args:
        at: when each row was decided on [rows].
        bad: labels of the same rows, all of which have matured.
        probability: what the champion says of them [rows].
        length: of a vintage.
        measure: `credit.performance.measure` with all else it needs.
    """
    periods = np.array([period(time, length) for time in at], dtype=object)
    return tuple(
        Vintage(
            period=each, performance=measure(bad[periods == each], probability[periods == each])
        )
        for each in sorted(set(periods.tolist()))
    )


def period(at: datetime, length: Length) -> str:
    """What a vintage is called; names sort by time.

    >>> from datetime import UTC
    >>> august = datetime(2026, 8, 3, tzinfo=UTC)
    >>> period(august, "month"), period(august, "quarter")
    ('2026-08', '2026-Q3')
    """
    if length == "month":
        return f"{at:%Y-%m}"
    return f"{at.year}-Q{(at.month + 2) // 3}"
