"""Sentences of the documents that depend on the evidence."""

import re
from collections.abc import Iterator

from credit.plan import FairnessPlan, PromotionPlan
from credit.spec import BadDefinition, Column, EventWithinHorizon, Schema
from tasks.documents.evidence import CardEvidence, Watched
from tasks.documents.formats import count, number, percent, plain

FEW_BADS = 200
WHOLE = re.compile(r"(?<!\S)-?\d+(?!\S)")


def bad_in_words(schema: Schema) -> str:
    """What counts as bad.

    >>> bad_in_words(Schema.model_validate({
    ...     "name": "tiny", "bad": {"target": "late", "bad_value": 1},
    ...     "columns": {"income": {"type": "number"}}}))
    'An application is bad when late is 1.'
    """
    bad: BadDefinition = schema.bad
    if isinstance(bad, EventWithinHorizon):
        return (
            f"An application is bad when {bad.event} is {bad.event_value}, dated by "
            f"{bad.event_date}, within {bad.horizon_months} months of {schema.time}. A row counts, "
            "good or bad, once the whole of that time has passed"
            + (f" on {bad.observed_until.isoformat()}." if bad.observed_until else ".")
        )
    known = (
        f" The outcome is known {bad.horizon_months} months after {schema.time}."
        if bad.horizon_months
        else ""
    )
    return f"An application is bad when {bad.target} is {bad.bad_value}.{known}"


def split_in_words(schema: Schema) -> str:
    """How test rows were set apart."""
    if schema.time:
        return (
            f"The newest rows by {schema.time} are the test rows; the others were divided into "
            "training and validation rows by a hash of their id."
        )
    return (
        "Rows were divided by a hash of their "
        + ("id" if schema.id else "contents")
        + ", so that no row changes sides when rows are added, and no later model is trained on "
        "the test rows of an earlier one."
    )


def allowed(column: Column) -> str:
    """The values that a column may hold: the labels of levels and of special codes with them.

    >>> allowed(Column(type="category", levels={"1": "own", "2": "rent"}))
    'a text: 1 (own), 2 (rent)'
    >>> allowed(Column(type="integer", range=(0, 9), special={-1: "none"}))
    'an integer from 0 to 9; −1 (none)'
    >>> allowed(Column(type="number", range=(-5000, 1e7), unit="EUR"))
    'a number from −5,000 to 10,000,000 EUR'
    """
    if column.levels is not None:
        texts = [f"{level} ({label})" if label else level for level, label in column.levels.items()]
        return "a text: " + ", ".join(texts)
    codes = [f"{code:g} ({label})".replace("-", "−") for code, label in column.special.items()]
    words = column.expected.partition(", or special code")[0]
    if column.type != "date":
        words = WHOLE.sub(lambda found: plain(float(found[0])), words)
    return words + ("; " + ", ".join(codes) if codes else "")


def choice_in_words(card: CardEvidence) -> str:
    """Why the model is of this family."""
    chosen, others = card.chosen, [each for each in card.families if each.family != card.family]
    auc = number(chosen.validation_auc.value)
    if not others:
        return f"{chosen.title} was the only one; its AUC on validation rows is {auc}."
    best = max(others, key=lambda each: each.validation_auc.value)
    there = number(best.validation_auc.value, like=chosen.validation_auc.value)
    if best.validation_auc.value > chosen.validation_auc.value:
        return (
            f"{chosen.title} was chosen with an AUC of {auc} on validation rows, although "
            f"{best.title} has {there}."
        )
    close = chosen.validation_auc.low <= best.validation_auc.value
    return (
        f"{chosen.title} was chosen because its AUC on validation rows is the highest: {auc}; the "
        f"next is {best.title} with {there}"
        + (", which is inside the interval of the first: the two are close." if close else ".")
    )


def monotone_in_words(card: CardEvidence) -> str:
    """Whether declared directions hold."""
    broken = [check for check in card.monotone if check.violated]
    if not broken:
        return f"All {len(card.monotone)} declared directions hold on every row that was tried."
    names = ", ".join(check.feature for check in broken)
    return (
        f"{len(broken)} of {len(card.monotone)} declared directions do not hold everywhere: "
        f"{names}. Where a reason or a decision hangs on them, a person should look."
    )


def limits(card: CardEvidence) -> list[str]:
    """What the model cannot do, and what was not shown, from the most general on."""
    return [*_limits(card)]


def _limits(card: CardEvidence) -> Iterator[str]:
    rows = {part.name: part for part in card.data.parts}
    yield (
        f"It has learned from {count(rows['train'].rows)} rows of one data set and says nothing "
        "about applicants who are unlike them."
    )
    yield (
        "Outcomes are known only for those who were given credit; no outcome was made up for the "
        "others, so the model may be too sure of applicants who used to be declined."
    )
    yield from _limits_of_the_test(card)
    yield from _limits_of_the_audit(card)
    if any(check.violated for check in card.monotone):
        yield monotone_in_words(card)
    yield (
        "Profit and loss rest on the costs that the lender stated; other costs give other bands."
    )
    yield (
        "Intervals tell how much a measure would vary with other test rows, not with other "
        "training rows or another time."
    )
    yield from card.data.warnings


def _limits_of_the_test(card: CardEvidence) -> Iterator[str]:
    test = next(part for part in card.data.parts if part.name == "test")
    if card.spec.time is None:
        yield (
            "The data set has no time column: test rows are of the same period as training rows, "
            "so the future may be worse than these numbers."
        )
    bads = round(test.rows * (test.bad_rate or 0.0))
    if bads < FEW_BADS:
        yield f"There are only {count(bads)} bad test rows, so all measures are uncertain."


def _limits_of_the_audit(card: CardEvidence) -> Iterator[str]:
    if not card.spec.protected:
        yield "The data set has no protected columns, so fairness could not be audited."
    small = [
        f"{group.group} ({column.name})"
        for column in card.fairness.columns
        for group in column.groups
        if not group.judged
    ]
    if small:
        yield (
            "Too few test rows to judge fairness towards: "
            + ", ".join(small)
            + f". At least {count(card.fairness.fewest_per_group)} are needed."
        )
    if card.fairness.breaches:
        lowest = card.fairness.breaches[0]
        yield (
            f"The group {lowest.group} of {lowest.column} is approved {number(lowest.ratio.value)} "
            f"times as often as {lowest.against}, below the bound of "
            f"{plain(card.fairness.least_impact_ratio)}."
        )


def monitoring_plan(
    card: CardEvidence, promotion: PromotionPlan, fairness: FairnessPlan
) -> tuple[Watched, ...]:
    """What to watch once a model decides: its own test results are the baseline."""
    test, low, high = card.chosen.test, *promotion.calibration_slope
    return (
        Watched(
            what="Inputs",
            how="stability index of each input against what is normal, weighed by importance",
            often="nightly",
            bound="0.10 to look, 0.25 to act",
            action="Find the cause; retrain when enough new outcomes have matured.",
        ),
        Watched(
            what="Score",
            how="stability index of the score against what is normal",
            often="nightly",
            bound="0.10 to look, 0.25 to act",
            action="Compare with the inputs that moved; retrain, or go back to the last model.",
        ),
        Watched(
            what="Ranking",
            how=f"AUC on matured outcomes; {number(test['auc'].value)} on the test rows",
            often="as outcomes mature",
            bound=f"at least {plain(promotion.least_auc)}",
            action="Retrain; validate anew.",
        ),
        Watched(
            what="Calibration",
            how="slope and intercept on matured outcomes, observed against expected bads",
            often="as outcomes mature",
            bound=f"slope from {plain(low)} to {plain(high)}",
            action="Recalibrate; retrain when the slope is off.",
        ),
        Watched(
            what="Decisions",
            how=f"approval rate; {percent(card.impact.approval_rate.value)} on the test rows",
            often="nightly",
            bound=f"{percent(card.impact.approval_rate.low)} to "
            f"{percent(card.impact.approval_rate.high)} is what chance explains",
            action="Find out whether applicants or the model changed.",
        ),
        Watched(
            what="Fairness",
            how="adverse-impact ratio of each protected group on stored decisions",
            often="monthly",
            bound=f"at least {plain(fairness.least_impact_ratio)} for groups of "
            f"{count(fairness.fewest_per_group)} or more",
            action="A person decides with a reason; look at less discriminatory alternatives.",
        ),
        Watched(
            what="Reasons",
            how="stored decisions recomputed with their reasons",
            often="nightly, a sample",
            bound="no difference",
            action="Stop and find the cause: a decision that cannot be repeated cannot be "
            "defended.",
        ),
    )
