"""What a champion did on its own test part: what it is measured against later."""

from collections.abc import Mapping

from credit.intervals import Interval
from credit.spec import Frozen


class Baseline(Frozen):
    """The champion on the approved part of its test set: rows, and its metrics."""

    rows: int
    metrics: Mapping[str, Interval]
