"""Estimates with their 95% intervals."""

from dataclasses import asdict, dataclass

import numpy as np

NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def wilson(events: int, rows: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share (1927), which holds for few events as well.

    All of 0 to 1 where there are no rows.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    if not rows:
        return 0.0, 1.0
    rate, square = events / rows, NORMAL_95**2
    centre = (rate + square / (2 * rows)) / (1 + square / rows)
    spread = NORMAL_95 * np.sqrt(rate * (1 - rate) / rows + square / (4 * rows**2))
    half = float(spread / (1 + square / rows))
    # It holds the share itself, which rounding would else leave out where there are no events.
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def newcombe(before: int, rows_before: int, now: int, rows_now: int) -> Interval:
    """How much larger a share is now, with Newcombe's 95% interval (1998, his method 10).

    Built from Wilson's intervals of both shares, so it holds for shares of 0 and 1 as well.

    >>> str(newcombe(48, 80, 56, 70))
    '0.2000 [0.0524, 0.3339]'
    """
    old, new = before / rows_before, now / rows_now
    low_before, high_before = wilson(before, rows_before)
    low_now, high_now = wilson(now, rows_now)
    return Interval(
        new - old,
        new - old - float(np.hypot(new - low_now, high_before - old)),
        new - old + float(np.hypot(high_now - new, old - low_before)),
    )
