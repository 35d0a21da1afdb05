"""Champion against challenger on the same rows, judged as non-inferiority with a margin.

A challenger need not be proven better, only not worse by more than the margin: the lower bound of
the 95% interval of the paired difference (challenger less champion) must lie above -margin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.delong import FEWEST_OF_A_CLASS, auc_difference
from credit.expressions import FloatArray
from credit.intervals import Interval
from credit.labels import BadArray
from credit.spec import Frozen


class Difference(Frozen):
    """One measure of both, and the difference: challenger less champion.

    margin: how much worse the challenger may be, in the measure's unit.
    p: two-sided p value of no difference; none where the interval is a bootstrap's.
    non_inferior: whether the lower bound lies above the negative margin.
    """

    champion: float
    challenger: float
    difference: Interval
    margin: float
    p: float | None = None
    non_inferior: bool

    @classmethod
    def judge(
        cls,
        champion: float,
        challenger: float,
        difference: Interval,
        margin: float,
        p: float | None = None,
    ) -> "Difference":
        """A difference with its verdict."""
        return cls(
            champion=champion,
            challenger=challenger,
            difference=difference,
            margin=margin,
            p=p,
            non_inferior=difference.low > -margin,
        )


class Compared(Frozen):
    """Both on one set of rows; `auc` is none, and `note` says why, where it cannot be judged.

    profit: mean profit of a row.
    non_inferior: whether AUC and profit are both judged and both non-inferior.
    """

    rows: int
    bads: int
    auc: Difference | None
    profit: Difference
    non_inferior: bool
    note: str = ""

    @classmethod
    def judge(
        cls, rows: int, bads: int, auc: Difference | None, profit: Difference, note: str = ""
    ) -> "Compared":
        """A comparison with its verdict."""
        return cls(
            rows=rows,
            bads=bads,
            auc=auc,
            profit=profit,
            non_inferior=auc is not None and auc.non_inferior and profit.non_inferior,
            note=note,
        )


@dataclass(frozen=True)
class Scored:
    """One scorer on the rows [rows]: probability of default and profit of its decision."""

    probability: FloatArray
    profit: FloatArray

    def of(self, rows: NDArray[np.bool_]) -> "Scored":
        """The same on some of the rows."""
        return Scored(self.probability[rows], self.profit[rows])


class Comparison(Frozen):
    """Champion against challenger on all test rows and on those that the champion approves.

    non_inferior: whether the challenger is non-inferior on both.
    """

    all_rows: Compared
    approved: Compared
    non_inferior: bool

    @classmethod
    def judge(cls, all_rows: Compared, approved: Compared) -> "Comparison":
        """A comparison with its verdict."""
        return cls(
            all_rows=all_rows,
            approved=approved,
            non_inferior=all_rows.non_inferior and approved.non_inferior,
        )


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
    """Compare two scorers on the same rows.

    Args:
        bad: labels [rows].
        champion, challenger: what each says and earns [rows].
        approved: which rows [rows] the champion approves.
        auc_margin: how much lower the challenger's AUC may be.
        profit_margin: how much lower its profit may be, as a share of the champion's profit.
        samples: resamples of the rows for the interval of profit.
        seed: of the resamples.
    """

    def on(rows: NDArray[np.bool_]) -> Compared:
        old, new = champion.of(rows), challenger.of(rows)
        auc, note = _compare_auc(bad[rows], old, new, auc_margin)
        profit = _compare_profit(old.profit, new.profit, profit_margin, samples, seed)
        return Compared.judge(int(rows.sum()), int(bad[rows].sum()), auc, profit, note)

    return Comparison.judge(on(np.ones(len(bad), dtype=bool)), on(approved))


def _compare_auc(
    bad: BadArray, champion: Scored, challenger: Scored, margin: float
) -> tuple[Difference | None, str]:
    bads, goods = int(bad.sum()), int(len(bad) - bad.sum())
    if min(bads, goods) < FEWEST_OF_A_CLASS:
        return None, f"AUC cannot be compared on {goods:,} good and {bads:,} bad rows"
    found = auc_difference(bad, champion.probability, challenger.probability)
    return Difference.judge(found.champion, found.challenger, found.difference, margin, found.p), ""


def _compare_profit(
    champion: FloatArray, challenger: FloatArray, margin: float, samples: int, seed: int
) -> Difference:
    """Mean profit of a row; no rows earn nothing."""
    if len(champion) == 0:
        nothing = Interval(0.0, 0.0, 0.0)
        return Difference.judge(0.0, 0.0, nothing, 0.0)
    earned = float(champion.mean())
    return Difference.judge(
        earned,
        float(challenger.mean()),
        mean_interval(challenger - champion, samples, seed),
        margin * abs(earned),
    )


def mean_interval(values: FloatArray, samples: int, seed: int) -> Interval:
    """Mean of values [rows] with a 95% percentile bootstrap interval, which holds the mean.

    Rows are resampled, so that differences between two scorers stay paired.
    """
    generator = np.random.default_rng(seed)
    rows = len(values)
    draws = [float(values[generator.integers(0, rows, rows)].mean()) for _ in range(samples)]
    low, high = np.quantile(draws, [0.025, 0.975])
    value = float(values.mean())
    return Interval(value, min(value, float(low)), max(value, float(high)))
