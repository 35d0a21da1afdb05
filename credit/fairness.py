"""The audit of decisions by protected groups: who is approved, and who of those that would pay.

Approval is the favourable outcome and a review does not count as one. Rates and their differences
are those of fairlearn's MetricFrame; they are computed from counts, because counts are all that a
bootstrap needs as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.groups import Groups, pairs
from credit.intervals import Interval
from credit.labels import BadArray
from credit.metrics import basic_interval
from credit.plan import FairnessPlan
from credit.spec import Frozen

DECISIONS = frozenset({"approve", "review", "decline"})
CROSSED_IN_PAIRS = (
    "Columns are crossed in pairs: groups by three columns at once are mostly too small to judge."
)
MOST_NAMED = 4
QUANTILES = (0.025, 0.975)
SCORE_FORMULA = (
    "100 x the mean over protected columns of the smaller of two ratios, each at most 1: the worst "
    "adverse-impact ratio and the worst ratio of approval rates among good payers, over the groups "
    "of the column that are judged; 80 is the four-fifths rule where there is one column"
)


class Worst(Frozen):
    """The judged group with the lowest adverse-impact ratio, and the group it is held against."""

    column: str
    group: str
    against: str
    rows: int
    ratio: Interval

    def __str__(self) -> str:
        return f"{self.column}: {self.group} against {self.against}, {self.ratio}"


class GroupAudit(Frozen):
    """One group of a column.

    A group below the minimum size is shown and not judged. Ratios and differences are against the
    reference group, differences as group less reference; None where nothing can be divided.

    Attributes:
        approval_rate: share approved (demographic parity).
        impact_ratio: approval rate over that of the reference group (adverse-impact ratio).
        good_approval_rate: share approved of those who paid (equal opportunity).
        bad_approval_rate: share approved of those who defaulted.
        odds_difference: the larger absolute difference of the two rates (equalized odds).
    """

    group: str
    rows: int
    goods: int
    bads: int
    is_reference: bool
    judged: bool
    approval_rate: Interval
    impact_ratio: Interval | None
    parity_difference: Interval | None
    good_approval_rate: Interval | None
    opportunity_ratio: Interval | None
    opportunity_difference: Interval | None
    bad_approval_rate: Interval | None
    odds_difference: Interval | None


class ColumnAudit(Frozen):
    """A protected column, or a pair of them.

    The three differences are the largest between any two judged groups, as fairlearn's
    demographic_parity_difference, equal_opportunity_difference and equalized_odds_difference.

    Attributes:
        reference: the group that others are compared with; None when it has no rows.
        reference_stated: whether the spec names it; else it is the largest group.
        worst: None when no two groups can be judged.
        score: from 0 to 100, see `SCORE_FORMULA`; None when no two groups can be judged.
        notes: sentences on what could not be judged, and why.
    """

    name: str
    reference: str | None
    reference_stated: bool
    groups: tuple[GroupAudit, ...]
    parity_difference: Interval | None
    opportunity_difference: Interval | None
    odds_difference: Interval | None
    worst: Worst | None
    score: float | None
    notes: tuple[str, ...] = ()


class FairnessAudit(Frozen):
    """Every protected column and every pair of them.

    Attributes:
        worst: over the columns; None when nothing can be judged.
        worst_intersection: over the pairs.
        score: from 0 to 100; None when nothing can be judged.
        score_formula: how the score is computed.
        breaches: every judged group, pairs included, below `least_impact_ratio`, worst first.
    """

    rows: int
    approval_rate: float
    fewest_per_group: int
    least_impact_ratio: float
    bootstrap_samples: int
    columns: tuple[ColumnAudit, ...]
    intersections: tuple[ColumnAudit, ...]
    worst: Worst | None
    worst_intersection: Worst | None
    breaches: tuple[Worst, ...]
    score: float | None
    score_formula: str = SCORE_FORMULA
    notes: tuple[str, ...] = ()

    @property
    def incomparable(self) -> tuple[str, ...]:
        """Columns with groups to judge and no ratio, for nobody of the reference is approved."""
        return tuple(
            column.name
            for column in self.columns
            if column.worst is None and sum(group.judged for group in column.groups) > 1
        )


def audit(
    decisions: NDArray[np.object_],
    bad: BadArray,
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
    seed: int,
) -> FairnessAudit:
    """Audit decisions [rows] of "approve", "review" or "decline" by every protected column.

    The adverse-impact ratio is held against the reference group. Where the spec states none, the
    largest group stands in, and then it is held against each other group as well: being the
    largest does not make a group the favoured one.

    Intervals hold 95% of resamples of the rows, drawn as counts of group, outcome and approval,
    which is the same distribution. Rates, ratios and differences against the reference have
    percentile intervals; largest and absolute differences have basic ones, because
    resampling tends to raise them. Each holds its estimate.

    Args:
        decisions: what was decided on each row.
        bad: 1 for a bad row, 0 for a good one [rows].
        groups: `credit.groups.protected_groups` of the same rows.
        plan: the minimum size of a group, the least ratio, the bootstrap's samples.
        seed: of the bootstrap.

    Raises:
        ValueError: there are no rows, or a decision is none of the three.

    >>> plan = FairnessPlan(fewest_per_group=2, least_impact_ratio=0.8, auc_tolerance=0,
    ...                     bootstrap_samples=10)
    >>> sex = Groups(("female", "male"), np.array([0, 0, 0, 0, 1, 1]), ("male",))
    >>> decided = np.array(["approve", "review", "decline", "approve", "approve", "approve"])
    >>> found = audit(decided, np.array([0, 0, 1, 1, 0, 1]), {"sex": sex}, plan, seed=0)
    >>> found.worst.group, found.worst.ratio.value, found.score
    ('female', 0.5, 50.0)
    """
    approved = _approved(decisions)
    generator = np.random.default_rng(seed)

    def judge(parts: Mapping[str, Groups]) -> list[_Judged]:
        return [
            _Judged.of(name, _resampled(_counts(approved, bad, part), plan, generator), part, plan)
            for name, part in parts.items()
        ]

    columns, intersections = judge(groups), judge(pairs(groups))
    scores = [column.score for column in columns if column.score is not None]
    return FairnessAudit(
        rows=len(approved),
        approval_rate=float(approved.mean()),
        fewest_per_group=plan.fewest_per_group,
        least_impact_ratio=plan.least_impact_ratio,
        bootstrap_samples=plan.bootstrap_samples,
        columns=tuple(column.audit() for column in columns),
        intersections=tuple(column.audit() for column in intersections),
        worst=_lowest(columns),
        worst_intersection=_lowest(intersections),
        breaches=_breaches([*columns, *intersections], plan.least_impact_ratio),
        score=float(np.mean(scores)) if scores else None,
        notes=_notes(groups),
    )


def worst_group(
    approved: NDArray[np.bool_], groups: Mapping[str, Groups], plan: FairnessPlan
) -> Worst | None:
    """The judged group with the lowest adverse-impact ratio of the columns, quick to compare by.

    Nothing is resampled: its interval is the estimate alone. None when nothing can be judged.
    """
    nothing = np.zeros(len(approved), dtype=np.int8)
    return _lowest(
        [
            _Judged.of(name, _counts(approved, nothing, part)[np.newaxis], part, plan)
            for name, part in groups.items()
        ]
    )


def worst_ratio_gain(
    approved: NDArray[np.bool_],
    instead_of: NDArray[np.bool_],
    groups: Mapping[str, Groups],
    plan: FairnessPlan,
    seed: int,
) -> Interval | None:
    """How much higher the lowest adverse-impact ratio is with one set of approvals than another.

    The interval is that of a paired bootstrap: both sets are looked at on the same resamples of
    rows. None when nothing can be judged.
    """
    columns = [part.codes for part in groups.values()]
    every = np.column_stack([*columns, approved, instead_of])
    cells, rows = np.unique(every, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(
        len(approved), rows / len(approved), size=plan.bootstrap_samples
    )
    stacked = np.vstack([rows, draws])
    lowest = []
    for decided in cells.T[-2:]:
        judged = [
            _Judged.of(name, _tally(stacked, codes, decided, len(part.names)), part, plan)
            for (name, part), codes in zip(groups.items(), cells.T, strict=False)
        ]
        ratios = [one.ratios for column in judged for one in column.comparisons]
        if not ratios:
            return None
        lowest.append(np.fmin.reduce(ratios))
    return _within(lowest[0] - lowest[1])


def _tally(
    stacked: NDArray[np.int64], codes: NDArray[np.int64], approved: NDArray[np.int64], groups: int
) -> FloatArray:
    """Cells [1 + samples, cells] as counts [1 + samples, groups, 2, 2], all taken for good."""
    counts = np.zeros((len(stacked), groups, 2, 2))
    for column, (code, decision) in enumerate(zip(codes, approved, strict=True)):
        counts[:, code, 0, decision] += stacked[:, column]
    return counts


def _approved(decisions: NDArray[np.object_]) -> NDArray[np.bool_]:
    unknown = sorted({str(decision) for decision in decisions.tolist()} - DECISIONS)
    if unknown or not len(decisions):
        raise ValueError(
            f"got decisions {', '.join(unknown) or 'of no row'}; "
            f"expected {', '.join(sorted(DECISIONS))}"
        )
    return np.asarray(decisions == "approve")


def _counts(approved: NDArray[np.bool_], bad: BadArray, groups: Groups) -> FloatArray:
    """Rows [groups, good or bad, refused or approved]."""
    cells = 4 * groups.codes + 2 * bad + approved
    counts = np.bincount(cells, minlength=4 * len(groups.names))
    return counts.reshape(len(groups.names), 2, 2).astype(np.float64)


def _resampled(
    counts: FloatArray, plan: FairnessPlan, generator: np.random.Generator
) -> FloatArray:
    """The counts, and then those of each resample of as many rows [1 + samples, *counts]."""
    rows = int(counts.sum())
    draws = generator.multinomial(rows, counts.ravel() / rows, size=plan.bootstrap_samples)
    return np.concatenate([counts[np.newaxis], draws.reshape(-1, *counts.shape)])


@dataclass(frozen=True)
class _Rates:
    """Approval rates of all, of good payers and of bad ones [..., groups]; NaN for none."""

    everyone: FloatArray
    good: FloatArray
    bad: FloatArray

    @classmethod
    def of(cls, counts: FloatArray) -> "_Rates":
        approved = counts[..., 1]
        rows = counts.sum(axis=-1)
        return cls(
            _divide(approved.sum(axis=-1), rows.sum(axis=-1)),
            _divide(approved[..., 0], rows[..., 0]),
            _divide(approved[..., 1], rows[..., 1]),
        )


def _divide(parts: FloatArray, wholes: FloatArray) -> FloatArray:
    """Quotients, NaN where the divisor is 0."""
    is_defined = wholes > 0
    return np.where(is_defined, parts / np.where(is_defined, wholes, 1.0), np.nan)


@dataclass(frozen=True)
class _Comparison:
    """One rate of a group over that of another, the estimate first and then each resample."""

    group: int
    against: int
    ratios: FloatArray


@dataclass(frozen=True)
class _Judged:
    """A column with the counts of its rows and its rates [1 + samples, groups], estimate first."""

    name: str
    groups: Groups
    counts: FloatArray
    rates: _Rates
    reference: int | None
    judged: NDArray[np.bool_]
    fewest: int

    @classmethod
    def of(
        cls,
        name: str,
        counts: FloatArray,
        groups: Groups,
        plan: FairnessPlan,
    ) -> "_Judged":
        enough = (groups.rows >= plan.fewest_per_group) & groups.stated
        reference = groups.reference
        if reference is None or not enough[reference]:
            enough = np.zeros_like(enough)
        rates = _Rates.of(counts)
        return cls(name, groups, counts[0], rates, reference, enough, plan.fewest_per_group)

    @property
    def comparisons(self) -> list[_Comparison]:
        """Approval rates of judged groups, those that can be divided."""
        return self._compare(self.rates.everyone)

    def _compare(self, rates: FloatArray) -> list[_Comparison]:
        reference = self.reference
        others = [group for group in np.flatnonzero(self.judged).tolist() if group != reference]
        if reference is None:
            return []
        sides = [(group, reference) for group in others]
        if not self.groups.references:
            sides += [(reference, group) for group in others]
        compared = [
            _Comparison(group, against, _divide(rates[:, group], rates[:, against]))
            for group, against in sides
        ]
        return [one for one in compared if np.isfinite(one.ratios[0])]

    @property
    def worst(self) -> Worst | None:
        compared = self.comparisons
        return self.name_worst(min(compared, key=_ratio)) if compared else None

    def name_worst(self, comparison: _Comparison) -> Worst:
        names = self.groups.names
        return Worst(
            column=self.name,
            group=names[comparison.group],
            against=names[comparison.against],
            rows=int(self.groups.rows[comparison.group]),
            ratio=_within(comparison.ratios),
        )

    @property
    def score(self) -> float | None:
        """From 0 to 100; None where nothing can be compared."""
        everyone = self.comparisons
        ratios = [_ratio(one) for one in (*everyone, *self._compare(self.rates.good))]
        return 100 * min(1.0, *ratios) if everyone else None

    def audit(self) -> ColumnAudit:
        good, bad = self._spread(self.rates.good), self._spread(self.rates.bad)
        odds = None if good is None or bad is None else np.maximum(good, bad)
        parity = self._spread(self.rates.everyone)
        reference = self.reference
        return ColumnAudit(
            name=self.name,
            reference=None if reference is None else self.groups.names[reference],
            reference_stated=bool(self.groups.references),
            groups=tuple(self._group(place) for place, n in enumerate(self.groups.rows) if n),
            parity_difference=_between(parity),
            opportunity_difference=_between(good),
            odds_difference=_between(odds),
            worst=self.worst,
            score=self.score,
            notes=tuple(self._notes()),
        )

    def _spread(self, rates: FloatArray) -> FloatArray | None:
        """Largest less smallest rate of the judged groups [1 + samples]."""
        chosen = rates[:, self.judged]
        chosen = chosen[:, np.isfinite(chosen[0])]
        if chosen.shape[1] < 2:
            return None
        return np.asarray(np.fmax.reduce(chosen, axis=1) - np.fmin.reduce(chosen, axis=1))

    def _group(self, position: int) -> GroupAudit:
        rates = self.rates
        parity = self._difference(rates.everyone, position)
        good = self._difference(rates.good, position)
        bad = self._difference(rates.bad, position)
        goods, bads = self.counts[position].sum(axis=1)
        return GroupAudit(
            group=self.groups.names[position],
            rows=int(goods + bads),
            goods=int(goods),
            bads=int(bads),
            is_reference=position == self.reference,
            judged=bool(self.judged[position]),
            approval_rate=_within(rates.everyone[:, position]),
            impact_ratio=_maybe(self._over_reference(rates.everyone, position)),
            parity_difference=_maybe(parity),
            good_approval_rate=_maybe(rates.good[:, position]),
            opportunity_ratio=_maybe(self._over_reference(rates.good, position)),
            opportunity_difference=_maybe(good),
            bad_approval_rate=_maybe(rates.bad[:, position]),
            odds_difference=_between(np.maximum(np.abs(good), np.abs(bad))),
        )

    def _over_reference(self, rates: FloatArray, position: int) -> FloatArray:
        return _divide(rates[:, position], self._reference_rate(rates))

    def _difference(self, rates: FloatArray, position: int) -> FloatArray:
        return rates[:, position] - self._reference_rate(rates)

    def _reference_rate(self, rates: FloatArray) -> FloatArray:
        return np.full(len(rates), np.nan) if self.reference is None else rates[:, self.reference]

    def _notes(self) -> Iterator[str]:
        rows, names = self.groups.rows, self.groups.names
        small = (rows > 0) & (rows < self.fewest) & self.groups.stated
        if self.reference is None:
            yield f"No row of {self.name} is of the reference group, so no group is judged."
        elif small[self.reference]:
            yield (
                f"The reference group {names[self.reference]} has {rows[self.reference]} rows, "
                f"fewer than {self.fewest}, so no group is judged."
            )
        elif self.rates.everyone[0, self.reference] == 0:
            yield (
                f"Nobody of the reference group {names[self.reference]} is approved, so no group "
                "can be held against it."
            )
        if small.any() and self.judged.any():
            few = [names[position] for position in np.flatnonzero(small)]
            which = "; ".join(few) if len(few) <= MOST_NAMED else f"{len(few)} groups"
            yield f"Shown, but with fewer than {self.fewest} rows not judged: {which}."
        missing = int(rows[~self.groups.stated].sum())
        if missing:
            yield f"{missing:,} rows have no value; they are shown and not judged."


def _ratio(comparison: _Comparison) -> float:
    return float(comparison.ratios[0])


def _lowest(columns: Sequence[_Judged]) -> Worst | None:
    worst = [column.worst for column in columns]
    return min((one for one in worst if one), key=lambda one: one.ratio.value, default=None)


def _breaches(columns: Sequence[_Judged], least: float) -> tuple[Worst, ...]:
    below = [
        column.name_worst(comparison)
        for column in columns
        for comparison in column.comparisons
        if _ratio(comparison) < least
    ]
    return tuple(sorted(below, key=lambda one: one.ratio.value))


def _within(draws: FloatArray) -> Interval:
    """Estimate (first) with a percentile interval of the resamples in which it is defined."""
    value, defined = float(draws[0]), draws[np.isfinite(draws)]
    low, high = np.quantile(defined, QUANTILES)
    return Interval(value, min(value, float(low)), max(value, float(high)))


def _maybe(draws: FloatArray) -> Interval | None:
    return _within(draws) if np.isfinite(draws[0]) else None


def _between(draws: FloatArray | None) -> Interval | None:
    """Estimate (first) of a difference from 0 to 1 with a basic interval."""
    if draws is None or not np.isfinite(draws[0]):
        return None
    return basic_interval(float(draws[0]), draws[np.isfinite(draws)], 0.0, 1.0)


def _notes(groups: Mapping[str, Groups]) -> tuple[str, ...]:
    if not groups:
        return ("The spec names no protected column, so nothing can be audited.",)
    return (CROSSED_IN_PAIRS,) if len(groups) > 2 else ()
