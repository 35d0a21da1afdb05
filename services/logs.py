"""Logs: one JSON object a line on stderr. Nothing that an applicant sent, and no secret."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.types import Scope

FACTS = "creditloop.facts"
# Loggers that BentoML gives handlers of their own.
OTHERS = ("bentoml", "uvicorn.error", "circus")

_requests = logging.getLogger("services.requests")


class JsonLines(logging.Formatter):
    """A record as JSON: when, how bad, where from, what, and the facts that came with it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "at": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0]:
            # Not its message, which may carry an applicant's values.
            line["exception"] = record.exc_info[0].__name__
        return orjson.dumps(line, default=str).decode()


def write_json_lines() -> None:
    """Have all that this process logs written as JSON to stderr, libraries' lines as well."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    for name in OTHERS:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("services").setLevel(logging.INFO)


def note(scope: Scope, **facts: object) -> None:
    """Add facts to the line of a request; never what was sent."""
    scope.setdefault(FACTS, {}).update(facts)


def log_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    """One line for an answered request."""
    facts = {
        "route": route,
        "method": scope["method"],
        "status": status,
        "ms": round(1000 * seconds, 3),
        **scope.get(FACTS, {}),
    }
    _requests.info("answered", extra={"facts": facts})
