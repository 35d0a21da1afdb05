"""Times as people write them on the command line."""

from datetime import UTC, datetime

from flows.commands.errors import UsageError


def time(option: str, text: str | None) -> datetime | None:
    """A time, in UTC unless it says otherwise; none of none.

    Raises:
        UsageError: the text is no time.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is no time; expected one such as 2026-03-01T02:00"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
