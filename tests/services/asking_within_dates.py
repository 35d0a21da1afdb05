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
    if isinstance(body, dict):
        _move(body.get("features"))
        for part in ("current_data", "reference_data"):
            for row in body[part] if isinstance(body.get(part), list) else ():
                _move(row)
    return body


def _move(features: Any) -> None:
    if isinstance(features, dict):
        for name, (first, last) in RANGES.items():
            if _is_day(features.get(name)):
                day = date.fromisoformat(features[name])
                features[name] = str(min(max(day, first or day), last or day))


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and str(date.fromisoformat(value)) == value
    except ValueError:
        return False
