"""The form of one application: what the page shows of a schema, in its words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Literal

from credit.spec import Column, Schema

Control = Literal["select", "number", "date", "text"]

# Of fewer fields that are alike no group is made, and fewer whole numbers than this are a list.
FEWEST_ALIKE = 3
MOST_LISTED = 24
# A group's name does not end with these: "Repayment status in" September, August and so on.
LINKING_WORDS = frozenset({"a", "an", "at", "by", "for", "from", "in", "of", "on", "the", "to"})


@dataclass(frozen=True)
class Choice:
    """One entry of a list: the value that is sent, and what it means."""

    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """One field of the form.

    key: names its elements. label: what stands at it, which may leave out what its group says;
    title: the same in full. codes: special codes, which a number may be instead of a number.
    """

    key: str
    name: str
    label: str
    title: str
    control: Control
    is_number: bool
    is_required: bool
    unit: str
    hint: str
    first: str
    last: str
    choices: tuple[Choice, ...]
    codes: tuple[Choice, ...]


@dataclass(frozen=True)
class Group:
    """Fields under one heading; where they are alike, `hint` holds for all of them."""

    title: str
    is_alike: bool
    hint: str
    fields: tuple[Field, ...]


def groups(schema: Schema) -> tuple[Group, ...]:
    """The fields in the order of the spec; neighbours that are alike but for their time share one.

    >>> schema = Schema.model_validate({"name": "tiny", "bad": {"target": "bad"}, "columns": {
    ...     "paid_may": {"type": "number", "description": "Amount paid in May"},
    ...     "paid_june": {"type": "number", "description": "Amount paid in June"},
    ...     "paid_july": {"type": "number", "description": "Amount paid in July"}}})
    >>> [(group.title, [field.label for field in group.fields]) for group in groups(schema)]
    [('Amount paid', ['May', 'June', 'July'])]
    """
    return tuple(_titled(_runs(schema)))


def title(name: str, description: str = "") -> str:
    """What people call a column: the beginning of its description, or else its name.

    >>> title("bureau_score"), title("term", "Term of the loan; 60 was first offered in 2010.")
    ('Bureau score', 'Term of the loan')
    """
    beginning, _ = _parted(description)
    return _capital(beginning or name.replace("_", " ").replace("-", " "))


def _parted(description: str) -> tuple[str, str]:
    """What a description says first, and what it adds.

    >>> _parted("Time at the address: 1 is below 1 year, 2 is more. As corrected.")
    ('Time at the address', '1 is below 1 year, 2 is more. As corrected')
    """
    beginning, *rest = re.split(r"[;:.]\s+", description.strip().rstrip("."), maxsplit=1)
    return beginning, rest[0] if rest else ""


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


Named = tuple[str, Column, int]


def _runs(schema: Schema) -> Iterator[tuple[str, list[Named]]]:
    """Runs of fields with the words that those of a run begin with; none for single ones."""
    rest: list[Named] = []
    numbered = [(name, column, n) for n, (name, column) in enumerate(schema.fields.items())]
    for _, alike in groupby(numbered, key=lambda each: _kind(each[1])):
        run = list(alike)
        common = _common_words([title(name, column.description) for name, column, _ in run])
        if len(run) < FEWEST_ALIKE or not common:
            rest += run
            continue
        if rest:
            yield "", rest
            rest = []
        yield common, run
    if rest:
        yield "", rest


def _kind(column: Column) -> object:
    return (
        column.type,
        column.unit,
        column.range,
        tuple((column.levels or {}).items()),
        tuple(column.special.items()),
        column.missing_allowed,
    )


def _common_words(titles: Sequence[str]) -> str:
    """The words that all of several different titles begin with.

    >>> _common_words(["Amount paid in May", "Amount paid in June"])
    'Amount paid in'
    >>> _common_words(["Income", "Income of a partner"])
    ''
    """
    common = []
    for words in zip(*(text.split() for text in titles), strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return "" if any(len(text.split()) <= len(common) for text in titles) else " ".join(common)


def _titled(runs: Iterator[tuple[str, list[Named]]]) -> Iterator[Group]:
    has_details = False
    for common, run in runs:
        if common:
            alike = run[0][1]
            fields = tuple(_field(*each, prefix=common) for each in run)
            yield Group(_without_linking_words(common), True, _hint(alike), fields)
        else:
            fields = tuple(_field(*each) for each in run)
            yield Group("Further details" if has_details else "Application", False, "", fields)
            has_details = True


def _without_linking_words(common: str) -> str:
    words = common.split()
    while len(words) > 1 and words[-1].lower() in LINKING_WORDS:
        words.pop()
    return " ".join(words)


def _field(name: str, column: Column, number: int, prefix: str = "") -> Field:
    full = title(name, column.description)
    label = full.removeprefix(prefix).strip()
    note = _capital(_parted(column.description)[1])
    choices = _choices(column)
    control = _control(column, choices)
    first, last = (_day(bound) for bound in column.range)
    return Field(
        key=f"field-{number}",
        name=name,
        label=_capital(label),
        title=full,
        control=control,
        is_number=column.type in ("number", "integer"),
        is_required=not column.missing_allowed,
        unit=column.unit if column.is_number else "",
        hint=". ".join(part for part in (note, "" if prefix else _allowed(column)) if part),
        first=first,
        last=last,
        choices=choices,
        codes=() if control == "select" else _codes(column),
    )


def _control(column: Column, choices: tuple[Choice, ...]) -> Control:
    if choices:
        return "select"
    if column.type == "date":
        return "date"
    return "text" if column.type == "category" else "number"


def _choices(column: Column) -> tuple[Choice, ...]:
    if column.levels is not None:
        return tuple(Choice(level, label or level) for level, label in column.levels.items())
    low, high = column.range
    if column.type != "integer" or not isinstance(low, float) or not isinstance(high, float):
        return ()
    if not column.special or high - low >= MOST_LISTED:
        return ()
    listed = range(int(low), int(high) + 1)
    return (*_codes(column), *(Choice(str(n), str(n)) for n in listed))


def _codes(column: Column) -> tuple[Choice, ...]:
    return tuple(
        Choice(_plain(code), label or _plain(code))
        for code, label in sorted(column.special.items())
    )


def _hint(column: Column) -> str:
    """Unit and range of fields that share both."""
    return _capital(", ".join(part for part in (column.unit, _allowed(column)) if part))


def _allowed(column: Column) -> str:
    """The range in words; a list says by itself what is allowed."""
    low, high = (_shown(bound) for bound in column.range)
    if _choices(column) or not (low or high):
        return ""
    if low and high:
        return f"{low} to {high}"
    is_date = column.type == "date"
    if low:
        return f"{'From' if is_date else 'At least'} {low}"
    return f"{'Until' if is_date else 'At most'} {high}"


def _shown(bound: float | date | None) -> str:
    if bound is None:
        return ""
    return _day(bound) or f"{bound:,.15g}"


def _day(bound: float | date | None) -> str:
    return bound.isoformat() if isinstance(bound, date) else ""


def _plain(number: float) -> str:
    return f"{number:.15g}"
