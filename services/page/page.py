"""The page at `/`, on which a loan officer fills in an application and reads the decision."""

from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

from credit.policy import Policy
from credit.spec import Schema
from services.deciding import REFERRED
from services.model import ServedModel
from services.page.form import groups, title
from services.page.scale import scale
from services.rendering import render

STATIC = Path(__file__).parent / "static"
FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

# Nothing from elsewhere, no inline code, no forms that a browser sends by itself.
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY}


def page(model: ServedModel) -> str:
    """The form of the model that serves."""
    return render_page(model.schema, model.underwriter.policy, model.identity)


def page_without_model(problem: str) -> str:
    """What people see while no model serves."""
    return render("no_model.html", problem=problem, file_url=_file_url)


def render_page(schema: Schema, policy: Policy, identity: dict[str, str]) -> str:
    """The page of a schema and a policy; `identity` is the served model's."""
    names = {name: title(name, column.description) for name, column in schema.columns.items()}
    names |= {name: title(name, column.description) for name, column in schema.derived.items()}
    return render(
        "page.html",
        dataset=title(schema.name),
        description=schema.description,
        model=identity,
        groups=groups(schema),
        facts={
            "digest": identity["digest"],
            "scale": asdict(scale(policy)),
            "names": names,
            "referred": REFERRED.text,
        },
        file_url=_file_url,
    )


def static_file(name: str) -> bytes:
    """The content of one of `FILES`."""
    return (STATIC / name).read_bytes()


@cache
def _file_url(name: str) -> str:
    """Another content has another address, so that browsers may keep files for long."""
    return f"page/{name}?{sha256(static_file(name)).hexdigest()[:12]}"
