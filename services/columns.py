"""Checking one field of many applications at once.

What passes here passes the check of each value, and comes out the same; of the rest each value is
put to that check.
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np

Check = Callable[[object], object]
ColumnCheck = Callable[[Sequence[object]], Sequence[object]]

REFUSED = object()
# Up to here every whole number is a float of its own.
LARGEST_WHOLE = 2.0**53


def values_check(check: Check) -> ColumnCheck:
    """Puts each distinct value to a check that raises ValueError; what it refuses is `REFUSED`.

    >>> check = values_check(lambda value: {"own": "1", "rent": "2"}.get(value, REFUSED))
    >>> check(["rent", "own", "rent"])
    ['2', '1', '2']
    """

    def check_all(values: Sequence[object]) -> Sequence[object]:
        keys = list(zip(map(type, values), values, strict=True))  # for True equals 1
        try:
            typed = {key: _typed(check, key[1]) for key in set(keys)}
        except TypeError:  # a list or an object is among them
            return [_typed(check, value) for value in values]
        return [typed[key] for key in keys]

    return check_all


def numbers_check(
    low: float, high: float, codes: Collection[float], whole: bool, check: Check
) -> ColumnCheck:
    """The same for numbers from `low` to `high` or among the codes, as floats."""
    special, each = np.array(sorted(codes), dtype=np.float64), values_check(check)

    def check_all(values: Sequence[object]) -> Sequence[object]:
        if not set(map(type, values)) <= {int, float}:
            return each(values)
        try:
            numbers = np.array(values, dtype=np.float64)
        except OverflowError:
            return each(values)
        sound = (low <= numbers) & (numbers <= high) & (np.abs(numbers) <= LARGEST_WHOLE)
        if len(special):
            sound |= np.isin(numbers, special)
        if whole:
            sound &= numbers == np.floor(numbers)
        return numbers.tolist() if sound.all() else each(values)

    return check_all


def _typed(check: Check, value: object) -> object:
    try:
        return check(value)
    except ValueError:
        return REFUSED
