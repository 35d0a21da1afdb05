"""Reasons for an adverse action: which factors hurt an application, in the spec's own words."""

from dataclasses import dataclass

import numpy as np

from credit.expressions import FloatArray
from credit.features import Features
from credit.reasons import ReasonModel
from credit.spec import Frozen, Schema

MOST_REASONS = 4
# Neither order nor choice may hang on the last bits, which are another processor's own.
DECIMALS = 9
LEAST_IMPROVEMENT = 1e-9


class ReasonText(Frozen):
    """A text that an applicant is given, and the features that it speaks for."""

    text: str
    features: tuple[str, ...]
    counts_inquiries: bool


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


def reason_texts(schema: Schema) -> tuple[ReasonText, ...]:
    """Every text once, in the order of the spec: columns, then derived columns."""
    features = {*schema.number_features, *schema.category_features}
    speakers: dict[str, list[str]] = {}
    for name in (*schema.columns, *schema.derived):
        if name in features:
            speakers.setdefault(schema.feature(name).reason, []).append(name)
    return tuple(
        ReasonText(
            text=text,
            features=tuple(names),
            counts_inquiries=any(schema.feature(name).counts_inquiries for name in names),
        )
        for text, names in speakers.items()
    )


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
    """The factors that may be named for each row, the largest first, and whether each holds."""

    texts: tuple[ReasonText, ...]
    totals: FloatArray
    named: list[list[int]]
    holds: list[list[bool]]

    @classmethod
    def of(cls, model: ReasonModel, features: Features) -> "_Factors":
        texts = reason_texts(model.schema)
        columns = [[model.names.index(name) for name in text.features] for text in texts]
        totals = _totals(model.contributions(features), columns)
        named = [_candidates(row) for row in totals]
        rows = np.repeat(np.arange(len(named)), [len(each) for each in named])
        margin = model.margin(features)
        moved = _at_reference(model, features[rows], [columns[f] for each in named for f in each])
        better = (model.margin(moved) < margin[rows] - LEAST_IMPROVEMENT).tolist()
        ends = np.cumsum([len(each) for each in named]).tolist()
        holds = [better[end - len(each) : end] for each, end in zip(named, ends, strict=True)]
        return cls(texts, totals, named, holds)

    def choose(self, row: int) -> tuple[Reason, ...]:
        """The reasons of one row."""
        candidates = list(zip(self.named[row], self.holds[row], strict=True))
        holding = [candidate for candidate in candidates if candidate[1]]
        chosen = (holding or candidates[:1])[: MOST_REASONS + 1]
        if not any(self.texts[factor].counts_inquiries for factor, _ in chosen):
            chosen = chosen[:MOST_REASONS]
        return tuple(
            Reason(
                text=self.texts[factor].text,
                features=self.texts[factor].features,
                contribution=float(self.totals[row, factor]),
                holds=holds,
            )
            for factor, holds in chosen
        )


def _totals(contributions: FloatArray, columns: list[list[int]]) -> FloatArray:
    """Contributions [rows, factors], those of a factor added up one after the other."""
    totals = np.zeros((len(contributions), len(columns)))
    for factor, members in enumerate(columns):
        for member in members:
            totals[:, factor] += contributions[:, member]
    return totals.round(DECIMALS)


def _candidates(totals: FloatArray) -> list[int]:
    """Factors that hurt, the largest first, ties in the order of the spec; at least one."""
    order = np.argsort(-totals, kind="stable").tolist()
    return [factor for factor in order if totals[factor] > 0] or order[:1]


def _at_reference(model: ReasonModel, rows: Features, columns: list[list[int]]) -> Features:
    """Each row with its columns as is usual among the approved."""
    moves = np.zeros((len(rows), len(model.names)), dtype=bool)
    for row, moved in enumerate(columns):
        moves[row, moved] = True
    numbers = rows.numbers.shape[1]
    return Features(
        np.where(moves[:, :numbers], model.reference.numbers, rows.numbers),
        np.where(moves[:, numbers:], model.reference.codes, rows.codes),
    )
