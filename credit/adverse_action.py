"""Reasons for an adverse action: which factors hurt an application, in the spec's own words."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import Features
from credit.reasons import ReasonModel, ReasonText
from credit.spec import Frozen, Schema

IndexArray: TypeAlias = NDArray[np.int64]

MOST_REASONS = 4
# Neither order nor choice may hang on the last bits, which are another processor's own.
DECIMALS = 9
LEAST_IMPROVEMENT = 1e-9


class Reason(Frozen):
    """A factor that hurt.

    `contribution` is what its features together add to the margin, compared with the approved,
    rounded to 1e-9.
    `holds`: with them as is usual among the approved, the margin would be better.
    """

    text: str
    features: tuple[str, ...]
    contribution: float
    holds: bool


class ReasonQuality(Frozen):
    """How well reasons stand up to moving the named factor to what is usual among the approved.

    Without applications there is nothing to share out, and the measures are none.
    `largest_holds` is the share of applications whose largest factor passes before any choice;
    `given_hold` the share of all given reasons that do; `without_any` the share of applications
    for which no factor passes.
    """

    applications: int
    largest_holds: float | None = None
    given_hold: float | None = None
    without_any: float | None = None
    mean_reasons: float | None = None


def missing_texts(schema: Schema) -> tuple[str, ...]:
    """Features for which the spec has no reason text."""
    names = (*schema.number_features, *schema.category_features)
    return tuple(name for name in names if not schema.feature(name).reason.strip())


def reasons(model: ReasonModel, features: Features) -> list[tuple[Reason, ...]]:
    """Up to four reasons of each row, the largest first; five where inquiries are among them.

    Only factors that hurt are named. One that does not hold is left out while another does;
    there is always at least one: where nothing holds the largest that hurts, and where nothing
    hurts the one that helps least.
    """
    factors = _Factors.of(model, features)
    return [factors.choose(row) for row in range(len(features))]


def reasons_and_quality(
    model: ReasonModel, features: Features
) -> tuple[list[tuple[Reason, ...]], ReasonQuality]:
    """The reasons of rows, such as the declined ones of the test part, and how well they hold."""
    if len(features) == 0:
        return [], ReasonQuality(applications=0)
    factors = _Factors.of(model, features)
    given = [factors.choose(row) for row in range(len(features))]
    all_given = [reason.holds for row in given for reason in row]
    return given, ReasonQuality(
        applications=len(given),
        largest_holds=float(np.mean([factors.holds[row][0] for row in range(len(given))])),
        given_hold=float(np.mean(all_given)),
        without_any=float(np.mean([not any(reason.holds for reason in row) for row in given])),
        mean_reasons=len(all_given) / len(given),
    )


@dataclass(frozen=True)
class _Factors:
    """The factors that may be named for each row, the largest first, and whether each holds.

    texts: of all factors. named: positions of those that may be named; totals: what the features
    of each add together.
    """

    texts: tuple[ReasonText, ...]
    named: list[list[int]]
    totals: list[list[float]]
    holds: list[list[bool]]

    @classmethod
    def of(cls, model: ReasonModel, features: Features) -> "_Factors":
        totals = _totals(model.contributions(features), model)
        order = np.argsort(-totals, axis=1, kind="stable")
        totals = np.take_along_axis(totals, order, axis=1)
        counts = np.maximum((totals > 0).sum(axis=1), 1)  # what hurts, but at least one
        row, rank = np.nonzero(np.arange(order.shape[1]) < counts[:, np.newaxis])
        moved = _at_reference(model, features[row], order[row, rank])
        margins = model.margin(features.followed_by(moved))
        holds = margins[len(features) :] < margins[row] - LEAST_IMPROVEMENT
        ends = np.cumsum(counts)
        spans = list(zip((ends - counts).tolist(), ends.tolist(), strict=True))
        named, given = order[row, rank].tolist(), totals[row, rank].tolist()
        better = holds.tolist()
        return cls(
            model.texts,
            [named[start:end] for start, end in spans],
            [given[start:end] for start, end in spans],
            [better[start:end] for start, end in spans],
        )

    def choose(self, row: int) -> tuple[Reason, ...]:
        """The reasons of one row."""
        candidates = list(zip(self.named[row], self.totals[row], self.holds[row], strict=True))
        holding = [candidate for candidate in candidates if candidate[2]]
        chosen = (holding or candidates[:1])[: MOST_REASONS + 1]
        if not any(self.texts[factor].counts_inquiries for factor, *_ in chosen):
            chosen = chosen[:MOST_REASONS]
        return tuple(
            Reason(
                text=self.texts[factor].text,
                features=self.texts[factor].features,
                contribution=total,
                holds=holds,
            )
            for factor, total, holds in chosen
        )


def _totals(contributions: FloatArray, model: ReasonModel) -> FloatArray:
    """Contributions [rows, factors], those of a factor added up one after the other."""
    totals = np.zeros((len(contributions), len(model.texts)))
    for factor, speaks_for in enumerate(model.speakers):
        for feature in np.flatnonzero(speaks_for):
            totals[:, factor] += contributions[:, feature]
    return totals.round(DECIMALS)


def _at_reference(model: ReasonModel, rows: Features, factors: IndexArray) -> Features:
    """Each row with the features of its factor as is usual among the approved."""
    moves = model.speakers[factors]
    numbers = rows.numbers.shape[1]
    return Features(
        np.where(moves[:, :numbers], model.reference.numbers, rows.numbers),
        np.where(moves[:, numbers:], model.reference.codes, rows.codes),
    )
