"""Ids of decisions as people type them."""

from uuid import UUID

from flows.commands.errors import UsageError


def decision_id(text: str) -> UUID:
    """Raises UsageError when it is none."""
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no decision's id; answers and logs have it whole") from None
