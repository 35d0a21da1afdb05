"""Champion against challenger on the same rows, judged as non-inferiority with a margin.

A challenger need not be proven better, only not worse by more than the margin: the lower bound of
the 95% interval of the paired difference (challenger less champion) must lie above -margin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.labels import BadArray
from credit.metrics import Interval
from credit.spec import Frozen


class Difference(Frozen):
    """One measure of both, and the difference: challenger less champion.

    margin: how much worse the challenger may be, in the measure's unit.
    p: two-sided p value of no difference; none where the interval is a bootstrap's.
    """

    champion: float
    challenger: float
    difference: Interval
    margin: float
    p: float | None = None

    @property
    def non_inferior(self) -> bool:
        """Whether the lower bound lies above the negative margin."""
        return self.difference.low > -self.margin


class Compared(Frozen):
    """Both on one set of rows; `auc` is none, and `note` says why, where it cannot be judged.

    profit: mean profit of a row.
    """

    rows: int
    bads: int
    auc: Difference | None
    profit: Difference
    note: str = ""

    @property
    def non_inferior(self) -> bool:
        """Whether AUC and profit are both judged and both non-inferior."""
        return self.auc is not None and self.auc.non_inferior and self.profit.non_inferior


@dataclass(frozen=True)
class Scored:
    """One scorer on the rows [rows]: probability of default and profit of its decision."""

    probability: FloatArray
    profit: FloatArray


class Comparison(Frozen):
    """Champion against challenger on all test rows and on those that the champion approves."""

    all_rows: Compared
    approved: Compared

    @property
    def non_inferior(self) -> bool:
        """Whether the challenger is non-inferior on all rows as well as on the approved."""
        return self.all_rows.non_inferior and self.approved.non_inferior


def compare(
    bad: BadArray,
    champion: Scored,
    challenger: Scored,
    approved: NDArray[np.bool_],
    auc_margin: float,
    profit_margin: float,
    samples: int,
    seed: int,
) -> Comparison:
    """Compare two scorers [rows] on the same rows; `profit_margin` is a share of the champion's."""
    raise NotImplementedError
