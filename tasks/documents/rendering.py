"""From evidence to a page: the same evidence and figures always give the same bytes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from credit.package import canonical_json
from tasks.documents import formats
from tasks.documents.evidence import Evidence
from tasks.documents.figures import check_figures, image
from tasks.documents.vocabulary import METRICS

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Document:
    """One document as a page for people and as JSON of the same evidence."""

    html: bytes
    json: bytes


@dataclass(frozen=True)
class Section:
    """A numbered section; its text is in the template of the same name."""

    name: str
    title: str

    @property
    def anchor(self) -> str:
        """What links to it name."""
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Page:
    """What a document is called, what it is about, and what it is made of.

    summary: the template above the first section.
    """

    title: str
    subject: str
    subtitle: str
    summary: str
    sections: Sequence[Section]
    footer: str


def render(
    page: Page,
    evidence: Evidence,
    context: Mapping[str, Any],
    figures: Mapping[str, bytes],
    required: Sequence[str],
) -> Document:
    """Write a page and its JSON.

    Args:
        page: titles and sections.
        evidence: what the JSON holds.
        context: what the templates read.
        figures: name -> PNG bytes; more than `required` may be there.
        required: the figures that the page shows.

    Raises:
        DocumentError: a required figure is missing or is no PNG.
    """
    shown = check_figures(evidence.document, figures, required)
    html = (
        _environment()
        .get_template("document.html")
        .render(page=page, figure=lambda name: image(name, shown[name]), **context)
    )
    content = {
        "document": page.title,
        "evidence": without_nan(evidence.model_dump(mode="json")),
        "figures": {name: sha256(png).hexdigest() for name, png in shown.items()},
    }
    return Document(html.encode(), canonical_json(content))


def without_nan(value: Any) -> Any:
    """A JSON value with null for what is no finite number.

    >>> without_nan({"psi": [0.1, float("nan")]})
    {'psi': [0.1, None]}
    """
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        name: getattr(formats, name)
        for name in (
            "number",
            "percent",
            "count",
            "money",
            "interval",
            "chance",
            "day",
            "plain",
            "rate",
        )
    }
    environment.filters |= {"words": formats.words, "sentence": formats.sentence}
    environment.globals |= {
        "absent": formats.absent,
        "number": formats.number,
        "percent": formats.percent,
        "money": formats.money,
        "signed": formats.signed,
        "METRICS": METRICS,
    }
    return environment
