"""The OpenAPI document: of the routes, and of the model that serves, whose fields it lists."""

from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from services import contract
from services.guard import ACCESS
from services.model import ServedModel
from services.request_model import ApplicationReader
from services.routes.documented import reference

Json = dict[str, Any]

TEMPLATE = "#/components/schemas/{model}"
BODIES: tuple[type[BaseModel], ...] = (
    contract.Problem,
    contract.ExplainStored,
    contract.NewOutcomes,
    contract.NewReview,
    contract.PromotionAsked,
    contract.RetrainAsked,
)
TAGS = (
    ("scoring", "Decisions on applications, and why they are as they are."),
    ("people", "What people ask beside a decision: what if, and the notice of a decline."),
    ("records", "Stored decisions, and what was added to them."),
    ("models", "Which model serves, which ever did, and a person's word on the next one."),
    ("monitoring", "Whether applicants, outcomes and decisions are still as they were."),
    ("operations", "What operators and machines ask."),
)
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`cl_<id>_<secret>`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
DESCRIPTION = """Scores credit applications, explains and stores what it decides.

{model}

While nobody has an active API key, the service answers loopback connections only and wants none.
From the first key on (`creditloop keys create`), every route but the public ones wants one with
the role that stands at it. Errors are problems after RFC 9457. Of keys that stand twice in a JSON
object the last one counts.
"""
EXPLAIN = {
    "type": "boolean",
    "default": False,
    "description": "Also answer with all contributions and, where it is not approved, what would "
    "have it approved; reasons are worked out for approvals too.",
}


def document(app: FastAPI, model: ServedModel | None, most_rows: int) -> Json:
    """The document of the model that serves; another model makes another one."""
    described = (
        "Model: {family} on {dataset}, version {version}.".format(**model.identity)
        if model
        else "No model is loaded."
    )
    version, reader = (model.version, model.reader) if model else ("none", None)
    return _document(app, version, described, reader, most_rows)


# Kept by the reader, not by the model, which would be held long after another one serves.
@lru_cache(maxsize=1)
def _document(
    app: FastAPI, version: str, described: str, reader: ApplicationReader | None, most_rows: int
) -> Json:
    content = get_openapi(
        title=app.title,
        version=version,
        description=DESCRIPTION.format(model=described),
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS],
    )
    schemas = content["components"]["schemas"]
    for kind in BODIES:
        schemas[kind.__name__] = _with_definitions(kind, schemas)
    schemas |= _applications(reader, schemas, most_rows)
    content["components"]["securitySchemes"] = KEYS
    for path, item in content["paths"].items():
        for operation in item.values():
            _secure(operation, path)
    return content


def _secure(operation: Json, path: str) -> None:
    roles = ACCESS[path]
    if not roles:
        operation["security"] = []
        return
    # The empty one: while nobody has a key, none is needed.
    operation["security"] = [{"bearer": []}, {"header": []}, {}]
    wanted = " or ".join(f"`{role}`" for role in roles)
    operation["description"] = f"{operation.get('description', '')}\n\nRole: {wanted}."


def _applications(reader: ApplicationReader | None, schemas: Json, most_rows: int) -> Json:
    """The bodies whose fields are the served model's."""
    if reader is None:
        return {
            name: {"type": "object"}
            for name in ("ApplicationAsked", "BatchAsked", "DriftAsked", "ExplainAsked")
        }
    application = _with_definitions(reader.model, schemas)
    example = application.pop("example")
    asked = {**application, "title": "ApplicationAsked", "example": example}
    asked["properties"] = {**application["properties"], "explain": EXPLAIN}
    return {
        "Application": {**application, "example": example},
        "ApplicationAsked": asked,
        "BatchAsked": {
            "type": "object",
            "properties": {
                "applications": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": most_rows,
                    # Each is checked for itself, as `Application` is, and may be anything else:
                    # then its row of the answer says what is wrong with it.
                    "items": {"anyOf": [reference("Application"), {}]},
                }
            },
            "required": ["applications"],
            "additionalProperties": False,
            "example": {"applications": [example, example]},
        },
        "DriftAsked": {
            "type": "object",
            "properties": {
                "current_data": _rows("The applications that are judged.", most_rows),
                "reference_data": {
                    "anyOf": [
                        _rows("What they are compared with.", most_rows),
                        {"type": "null"},
                    ],
                    "description": "Default: what is normal for the model.",
                },
            },
            "required": ["current_data"],
            "additionalProperties": False,
            "example": {"current_data": [example["features"]] * 2},
        },
        "ExplainAsked": {
            "anyOf": [reference("Application"), reference("ExplainStored")],
            "example": example,
        },
    }


def _rows(description: str, most_rows: int) -> Json:
    """A list of the fields of applications."""
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": most_rows,
        "items": reference("Features"),
        "description": description,
    }


def _with_definitions(model: type[BaseModel], schemas: Json) -> Json:
    """The JSON schema of a model; what it refers to is added to `schemas`."""
    schema = model.model_json_schema(ref_template=TEMPLATE)
    schemas.update(schema.pop("$defs", {}))
    return schema
