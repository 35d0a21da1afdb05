"""Calendar months, in which lenders count."""

from calendar import monthrange
from datetime import datetime


def months_after(time: datetime, months: int) -> datetime:
    """The same day some months later, or earlier; the last one of a month that is shorter.

    >>> from datetime import UTC
    >>> months_after(datetime(2026, 3, 31, 12, tzinfo=UTC), -1).isoformat()
    '2026-02-28T12:00:00+00:00'
    """
    year, month = divmod(time.year * 12 + time.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return time.replace(year=year, month=month + 1, day=min(time.day, last))
