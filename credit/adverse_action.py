"""Reasons for an adverse action: which factors hurt an application, in the spec's own words."""

from credit.features import Features
from credit.reasons import ReasonModel
from credit.spec import Frozen, Schema


class ReasonText(Frozen):
    """A text that an applicant is given, and the features that it speaks for."""

    text: str
    features: tuple[str, ...]
    counts_inquiries: bool


class Reason(Frozen):
    """A factor that hurt.

    `contribution` is what its features together add to the margin, compared with the approved.
    `holds`: with them as is usual among the approved, the margin would be better.
    """

    text: str
    features: tuple[str, ...]
    contribution: float
    holds: bool


class ReasonQuality(Frozen):
    """How well reasons stand up to moving the named factor to what is usual among the approved.

    `largest_holds` is the share of applications whose largest factor passes before any choice;
    `given_hold` the share of all given reasons that do; `without_any` the share of applications
    for which no factor passes.
    """

    applications: int
    largest_holds: float
    given_hold: float
    without_any: float
    mean_reasons: float


def missing_texts(schema: Schema) -> tuple[str, ...]:
    """Features for which the spec has no reason text."""
    raise NotImplementedError


def reason_texts(schema: Schema) -> tuple[ReasonText, ...]:
    """Every text once, in the order of the spec."""
    raise NotImplementedError


def reasons(model: ReasonModel, features: Features) -> list[tuple[Reason, ...]]:
    """Up to four reasons of each row, the largest first; five where inquiries are among them."""
    raise NotImplementedError


def reason_quality(model: ReasonModel, features: Features) -> ReasonQuality:
    """Measured on rows of features, such as the declined ones of the test part."""
    raise NotImplementedError
