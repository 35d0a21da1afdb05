"""The three documents: model card, validation report and adverse-action table.

Each is a pure function of its evidence and figures; the same arguments give the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from credit.impact import ProfitCurve, ProfitPoint
from credit.package import VERSION_DIGITS
from credit.policy import band
from tasks.documents.evidence import (
    AdverseActionEvidence,
    CardEvidence,
    ReportEvidence,
    features_of,
)
from tasks.documents.figures import CARD_FIGURES, CASE, REPORT_FIGURES, VINTAGE
from tasks.documents.rendering import Document, Page, Section, render
from tasks.documents.sentences import (
    allowed,
    bad_in_words,
    choice_in_words,
    limits,
    monotone_in_words,
    split_in_words,
)
from tasks.documents.vocabulary import DIRECTIONS, FAMILY_REASONS, PARTS, VERDICTS

CURVE_POINTS = 12

CARD = (
    Section("purpose", "Purpose and use"),
    Section("data", "Data and bad definition"),
    Section("inputs", "Inputs"),
    Section("performance", "Performance"),
    Section("calibration", "Calibration"),
    Section("policy", "Decision policy and business impact"),
    Section("reference", "What is normal"),
    Section("explanation", "What drives the model"),
    Section("fairness", "Fairness audit"),
    Section("protected", "Protected columns"),
    Section("limits", "Limits"),
    Section("provenance", "Provenance"),
)
REPORT = (
    Section("hypothesis", "Purpose and hypothesis"),
    Section("choice", "Choice of the model"),
    Section("exploration", "Data"),
    Section("inputs", "Inputs"),
    Section("measured", "Performance"),
    Section("calibration", "Calibration"),
    Section("stability", "Stability"),
    Section("errors", "Error analysis"),
    Section("drivers", "What drives the model"),
    Section("cases", "Single decisions explained"),
    Section("business", "Decision policy and business impact"),
    Section("champion", "Comparison with the champion"),
    Section("fairness_report", "Fairness"),
    Section("ethics", "Protected columns and ethics"),
    Section("limits", "Limits"),
    Section("monitoring", "Monitoring plan"),
    Section("gates", "Verdict and next validation"),
    Section("origin", "Provenance"),
)
TABLE = (
    Section("texts", "Reasons"),
    Section("choosing", "How reasons are chosen"),
    Section("rule_texts", "Reasons of hard rules"),
)
# Sections of the card that the report has inside another one.
STANDS_IN = {
    "policy": "business",
    "explanation": "drivers",
    "fairness": "fairness_report",
    "purpose": "hypothesis",
}


def model_card(evidence: CardEvidence, figures: Mapping[str, bytes]) -> Document:
    """The card that goes into the package: nothing in it depends on clock, run or champion.

    Args:
        evidence: what is known of the model.
        figures: PNG bytes by name, at least those of `CARD_FIGURES`.

    Raises:
        DocumentError: a figure is missing or is no PNG.
    """
    page = Page(
        title="Model card",
        subject=f"{evidence.chosen.title} for {evidence.spec.name}",
        subtitle=evidence.spec.description,
        summary="card_summary",
        sections=CARD,
        footer="This card is part of the model's package and is covered by its digest.",
    )
    return render(page, evidence, _card_context(evidence, page), figures, CARD_FIGURES)


def validation_report(evidence: ReportEvidence, figures: Mapping[str, bytes]) -> Document:
    """The report that stands beside the package.

    Args:
        evidence: what is known of the model, its run and its place in production.
        figures: PNG bytes by name, at least those of `report_figures(evidence)`.

    Raises:
        DocumentError: a figure is missing or is no PNG.
    """
    card = evidence.card
    page = Page(
        title="Validation report",
        subject=f"{card.chosen.title} for {card.spec.name}",
        subtitle=f"Package {evidence.package[:VERSION_DIGITS]}, validated on "
        f"{evidence.validated_on.isoformat()}, next validation {evidence.next_validation}",
        summary="report_summary",
        sections=REPORT,
        footer=f"Package {evidence.package}.",
    )
    context = _card_context(card, page) | {
        "report": evidence,
        "curve": thinned(evidence.profit_curve, CURVE_POINTS),
        "banded": lambda pd: str(band(card.policy, np.array([pd]))[0]),
    }
    return render(page, evidence, context, figures, report_figures(evidence))


def report_figures(evidence: ReportEvidence) -> tuple[str, ...]:
    """The figures that the report needs, by name.

    They are `REPORT_FIGURES`, vintage where the stability has vintages, and case_1, case_2 and so
    on, one for each case.
    """
    vintage = (VINTAGE,) if evidence.stability.vintages else ()
    cases = (f"{CASE}{place}" for place in range(1, len(evidence.cases) + 1))
    return (*REPORT_FIGURES, *vintage, *cases)


def adverse_action_table(evidence: AdverseActionEvidence) -> Document:
    """Every reason text, what it speaks for, and how it was used on declined test rows."""
    page = Page(
        title="Adverse-action table",
        subject=f"Reasons of {evidence.title} for {evidence.spec.name}",
        subtitle=evidence.spec.description,
        summary="table_summary",
        sections=TABLE,
        footer="The texts come from the specification of the data set.",
    )
    context = {
        "table": evidence,
        "features": features_of(evidence.spec),
        "uses": sorted(evidence.uses, key=lambda use: (-use.first, -use.named)),
    }
    return render(page, evidence, context, {}, ())


def thinned(curve: ProfitCurve, most: int) -> Sequence[ProfitPoint]:
    """At most so many points of a curve, evenly spaced, the first and the last among them.

    >>> points = [ProfitPoint(threshold=t / 10, approval_rate=t / 10, bad_rate=None, profit=0.0)
    ...           for t in range(11)]
    >>> [point.threshold for point in thinned(ProfitCurve(points=tuple(points)), 3)]
    [0.0, 0.5, 1.0]
    """
    points = curve.points
    if len(points) <= most:
        return points
    return [points[round(step * (len(points) - 1) / (most - 1))] for step in range(most)]


def _card_context(card: CardEvidence, page: Page) -> dict[str, Any]:
    numbers = {section.name: place for place, section in enumerate(page.sections, 1)}
    return {
        "card": card,
        "features": features_of(card.spec),
        "bad_in_words": bad_in_words(card.spec),
        "split_in_words": split_in_words(card.spec),
        "choice_in_words": choice_in_words(card),
        "monotone_in_words": monotone_in_words(card),
        "limits": limits(card),
        "allowed": allowed,
        "number_of": lambda name: numbers.get(name) or numbers[STANDS_IN[name]],
        "PARTS": PARTS,
        "DIRECTIONS": DIRECTIONS,
        "FAMILY_REASONS": FAMILY_REASONS,
        "VERDICTS": VERDICTS,
    }
