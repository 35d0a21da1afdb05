"""A hook of schemathesis: JSON Schema has no range of dates, so days are drawn from the spec's."""

from datetime import date
from typing import Any

import schemathesis

from tests import tiny

RANGES = {
    name: column.range for name, column in tiny.SCHEMA.fields.items() if column.type == "date"
}


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """The body with its days moved into their ranges; what is no day stays as it is."""
    features = body.get("features") if isinstance(body, dict) else None
    if isinstance(features, dict):
        for name, (first, last) in RANGES.items():
            if _is_day(features.get(name)):
                day = date.fromisoformat(features[name])
                features[name] = str(min(max(day, first or day), last or day))
    return body


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and str(date.fromisoformat(value)) == value
    except ValueError:
        return False
