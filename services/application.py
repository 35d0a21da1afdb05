"""An application as it was sent, after its fields were checked; and as it is read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from credit.features import Applications, from_many
from credit.spec import Schema


@dataclass(frozen=True)
class Application:
    """What is decided on.

    protected: attributes for fairness monitoring, which no model sees. claims, body_hash: see
    `services.ledger.decisions.NewDecision`.
    """

    fields: Mapping[str, object]
    application_id: str | None = None
    protected: Mapping[str, object] | None = None
    claims: tuple[str, ...] = ()
    body_hash: str = ""


def stored_applications(fields: Sequence[Mapping[str, Any]], schema: Schema) -> Applications:
    """Raw fields from JSON, which has no type for a date."""
    dates = [name for name, column in schema.columns.items() if column.type == "date"]
    days = [{name: _day(row.get(name)) for name in dates} for row in fields]
    return from_many([{**row, **day} for row, day in zip(fields, days, strict=True)], schema)


def _day(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
