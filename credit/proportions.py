"""Intervals of shares."""

from math import sqrt

NORMAL_95 = 1.959963984540054


def wilson(events: int, rows: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share (1927), which holds for few events as well.

    It is all of 0 to 1 where there are no rows.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    if rows == 0:
        return 0.0, 1.0
    share, square = events / rows, NORMAL_95**2
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    spread = NORMAL_95 * sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    half = spread / (1 + square / rows)
    return max(0.0, centre - half), min(1.0, centre + half)
