"""The figures of the documents: captions, and what each shows, for those who cannot see it.

Figures arrive as PNG bytes by name and leave as data URIs, so that a document is one file.
"""

import struct
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from markupsafe import Markup

PNG = b"\x89PNG\r\n\x1a\n"
SIZE = slice(16, 24)
# Figures are drawn with twice the pixels of a page, so that they are sharp in print.
DENSITY = 2


class DocumentError(ValueError):
    """A document lacks evidence or a figure; the message names the document and what is missing."""


@dataclass(frozen=True)
class Figure:
    """A figure's caption, and what it shows in words."""

    caption: str
    alt: str


FIGURES = {
    "roc": Figure(
        "ROC curves of all families on the test rows",
        "Share of bad applicants caught against share of good applicants turned away, for every "
        "cut-off, one curve for each family. The further a curve bends to the upper left, the "
        "better the family ranks. The areas under the curves are in the table of families.",
    ),
    "precision_recall": Figure(
        "Precision and recall on the test rows",
        "Share of bad applicants among those turned away against the share of all bad applicants "
        "that this catches, for every cut-off, one curve for each family. The "
        "area under this model's curve is in the table of measures.",
    ),
    "ks": Figure(
        "Cumulative shares of good and bad applicants by score",
        "Two rising curves, the cumulative shares of good and of bad applicants from the lowest "
        "probability of default to the highest. The widest gap between them is the KS statistic.",
    ),
    "calibration": Figure(
        "Calibration on the test rows",
        "Observed bad rate against mean predicted probability of default in ten groups of equal "
        "size, with 95% intervals. On the diagonal, prediction and outcome agree. The numbers are "
        "in the table of calibration.",
    ),
    "gains": Figure(
        "Cumulative gains on the test rows",
        "Left, the share of all bad applicants found among the riskiest share of applications, "
        "between the lines of a perfect and of a random order. Right, for each tenth of the "
        "applications, the riskiest first, its bad rate over that of all.",
    ),
    "score_distribution": Figure(
        "Scores of good and bad applicants",
        "Two distributions of the score on the test rows, one of good and one of bad applicants. "
        "The less they overlap, the better the model separates them. The policy's bands "
        "are shaded.",
    ),
    "importance": Figure(
        "Importance of the inputs",
        "Horizontal bars, one for each of the most important inputs: its share of the mean "
        "absolute contribution to the score. The numbers are in the table of importance.",
    ),
    "beeswarm": Figure(
        "Contributions of the most important inputs",
        "One dot for each application and input: how far the input moved the score towards good "
        "or bad, coloured by whether the input's value is low or high.",
    ),
    "dependence": Figure(
        "How the most important inputs act",
        "One panel for each of the most important inputs: the contribution to the score against "
        "the input's value.",
    ),
    "band": Figure(
        "Predicted and observed risk by decision",
        "For each decision, approve, review and decline, the mean predicted probability of default "
        "of its test rows beside their observed bad rate with its 95% interval. The bad rates are "
        "in the table of decisions.",
    ),
    "stability": Figure(
        "Stability of score and inputs",
        "Left, how training and test rows are spread over tenths of the probability of default. "
        "Right, bars of the stability index of the inputs that moved most, with the customary "
        "bounds. The numbers are in the table of stability.",
    ),
    "profit": Figure(
        "Expected profit by threshold",
        "Profit on the test rows against the probability of default above which applications are "
        "declined, and below it the shares approved and bad among the approved. The policy's bands "
        "are shaded.",
    ),
    "fairness": Figure(
        "Approval rates by protected group",
        "One dot with its 95% interval for the approval rate of each group of each protected "
        "column, and a dashed line where the bound on the adverse-impact ratio lies. The numbers "
        "are in the tables of the fairness audit.",
    ),
    "exploration": Figure(
        "The inputs that tell most",
        "For each of the inputs with the highest information value: the share of training rows "
        "and the bad rate in each of its bins. The numbers are in the table of columns.",
    ),
}

CARD_FIGURES = ("roc", "calibration", "importance", "fairness")
REPORT_FIGURES = tuple(FIGURES)
VINTAGE = "vintage"
CASE = "case_"
SOMETIMES = {
    VINTAGE: Figure(
        "Bad rate and mean probability of default by vintage",
        "Observed bad rate and mean predicted probability of default of the test rows, vintage by "
        "vintage. The numbers are in the table of vintages.",
    ),
    CASE: Figure(
        "What moved this application",
        "Bars of the strongest contributions to the margin, one for each input, from the base to "
        "the margin of this application. The numbers are in the table of contributions.",
    ),
}


def check_figures(
    document: str, figures: Mapping[str, bytes], required: Collection[str]
) -> dict[str, bytes]:
    """The required figures, in their order.

    Raises:
        DocumentError: one is missing or is no PNG.
    """
    for name in required:
        if name not in figures:
            raise DocumentError(f"{document}: figure {name!r} is missing; draw it in the flow")
        if not figures[name].startswith(PNG):
            raise DocumentError(f"{document}: figure {name!r} is no PNG")
    return {name: figures[name] for name in required}


def image(name: str, content: bytes) -> Markup:
    """A figure with its caption and alternative text, the picture inside the page itself."""
    figure = (FIGURES | SOMETIMES)[CASE if name.startswith(CASE) else name]
    width, height = (pixels // DENSITY for pixels in struct.unpack(">II", content[SIZE]))
    return Markup(
        '<figure id="figure-{}"><img src="data:image/png;base64,{}" width="{}" height="{}" '
        'alt="{}"><figcaption>{}</figcaption></figure>'
    ).format(
        name.replace("_", "-"),
        b64encode(content).decode(),
        width,
        height,
        figure.alt,
        figure.caption,
    )
