"""The dataset spec: the one file that a lender writes to bring a data set to Creditloop.

It says where the rows come from, what counts as bad, and what each column means: its unit, the
values it may take, whether a model may read it, and the text a declined applicant is given when
it counted against them. Training and serving read the same spec, so neither can drift from it.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from credit.expressions import Condition, Expression, ExpressionError, parse, parse_condition

ColumnType = Literal["number", "integer", "category", "date"]
Role = Literal["input", "protected", "ignore"]
Direction = Literal["increasing", "decreasing"]

NUMERIC_TYPES: frozenset[ColumnType] = frozenset({"number", "integer", "date"})


_TYPE_WORDS: dict[ColumnType, str] = {
    "number": "a number",
    "integer": "an integer",
    "category": "a text",
    "date": "a date (YYYY-MM-DD)",
}


def _plain(bound: float | date) -> str:
    return bound.isoformat() if isinstance(bound, date) else f"{bound:.15g}"


class SpecError(ValueError):
    """A dataset spec says something it may not say; the message names the key and the remedy."""


class Frozen(BaseModel):
    """An immutable value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_TRUTH = {"true": "True", "false": "False"}


def level_text(value: object) -> str:
    """A level of a category as text, the same from a file, a database, a request or a spec.

    A whole number has no decimal point, also where it is text: a csv that was written from a
    column with gaps has 1.0 for 1. True and false are "True" and "False" however they are
    written. Surrounding blanks are dropped; nothing is the empty text.

    >>> [level_text(value) for value in (1, 1.0, "1.0", "01", " own ", True, "true", None)]
    ['1', '1', '1', '01', 'own', 'True', 'True', '']
    """
    if value is None:
        return ""
    if isinstance(value, float | Decimal) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return str(int(whole[1])) if whole else _TRUTH.get(text.lower(), text)


def _read_levels(levels: Any) -> Any:
    if not isinstance(levels, list | dict):
        return levels
    labels = levels.values() if isinstance(levels, dict) else [None] * len(levels)
    texts = [level_text(level) for level in levels]
    if not texts:
        raise ValueError("levels is empty; list the levels, or leave it out to allow any text")
    if "" in texts:
        raise ValueError("a level is empty; an empty value is a missing one")
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        raise ValueError(f"level {twice[0]!r} stands twice")
    return {
        text: "" if label is None else str(label) for text, label in zip(texts, labels, strict=True)
    }


Levels = Annotated[dict[str, str], BeforeValidator(_read_levels)]


class Column(Frozen):
    """One column of the data set as it arrives, in training files and in requests alike.

    `groups` cut a protected number into groups for the audit: (25, 60) gives below 25, 25 to
    below 60, and 60 or more. `reference_group` is the group that others are compared with: a level,
    or the lowest number of a group; the largest group unless given. `counts_inquiries` marks a
    column that counts credit inquiries, which may be named as a fifth reason.
    """

    type: ColumnType
    role: Role = "input"
    description: str = ""
    unit: str = ""
    range: tuple[float | date | None, float | date | None] = (None, None)
    levels: Levels | None = None
    special: dict[float, str] = {}
    missing_allowed: bool = True
    monotone: Direction | None = None
    changeable: bool = False
    reason: str = ""
    counts_inquiries: bool = False
    attribute: str = ""
    groups: tuple[float, ...] = ()
    reference_group: str = ""
    input_justification: str = ""

    @property
    def is_number(self) -> bool:
        """Whether the column reaches the model as a number (dates do, as day numbers)."""
        return self.type in NUMERIC_TYPES

    @property
    def is_input(self) -> bool:
        """Whether a model may read it: inputs, and age under a written justification."""
        return self.role == "input" or bool(self.input_justification)

    @property
    def expected(self) -> str:
        """What a value must be, in words, for messages.

        >>> Column(type="integer", unit="months", range=(0, 120), special={-9: "none"}).expected
        'an integer from 0 to 120 months, or special code -9'
        >>> Column(type="category", levels=["own", "rent"]).expected
        "one of 'own', 'rent'"
        """
        if self.levels is not None:
            return "one of " + ", ".join(repr(level) for level in self.levels)
        words = [_TYPE_WORDS[self.type]]
        low, high = self.range
        if low is not None and high is not None:
            words.append(f"from {_plain(low)} to {_plain(high)}")
        elif low is not None:
            words.append(f"of at least {_plain(low)}")
        elif high is not None:
            words.append(f"of at most {_plain(high)}")
        if self.unit:
            words.append(self.unit)
        codes = ", ".join(_plain(code) for code in sorted(self.special))
        return " ".join(words) + (f", or special code {codes}" if codes else "")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        low, high = self.range
        if self.type == "category" and self.range != (None, None):
            raise ValueError("range is for numbers and dates; a category lists its levels")
        if self.type != "category" and self.levels is not None:
            raise ValueError(f"levels are for categories, not for a column of type {self.type}")
        if not self.is_number and self.special:
            raise ValueError("special codes are for numbers; a category lists them as levels")
        if not self.is_number and self.monotone:
            raise ValueError("monotone is for numbers; the levels of a category have no order")
        is_date = self.type == "date"
        if any(isinstance(bound, date) != is_date for bound in self.range if bound is not None):
            raise ValueError("range must be dates for a date column and numbers for a number")
        if low is not None and high is not None and low > high:  # type: ignore[operator]
            raise ValueError(f"range starts at {low} and ends before it, at {high}")
        return self

    @model_validator(mode="after")
    def _audit_is_consistent(self) -> Self:
        if (self.groups or self.reference_group) and self.role != "protected":
            raise ValueError("groups and reference_group are for protected columns")
        if self.groups and (not self.is_number or list(self.groups) != sorted(set(self.groups))):
            raise ValueError("groups must be bounds of a number column, in ascending order")
        if self.input_justification and (self.role, self.attribute) != ("protected", "age"):
            raise ValueError(
                "only a protected column with attribute 'age' may carry an input_justification"
            )
        return self


class DerivedColumn(Frozen):
    """A number computed from other columns, the same in training and serving."""

    expression: str
    description: str = ""
    unit: str = ""
    monotone: Direction | None = None
    reason: str = ""
    counts_inquiries: bool = False

    @cached_property
    def parsed(self) -> Expression:
        """The expression as a tree."""
        return parse(self.expression)

    @model_validator(mode="after")
    def _parses(self) -> Self:
        try:
            parse(self.expression)
        except ExpressionError as error:
            raise ValueError(f"expression {self.expression!r}: {error}") from None
        return self


class HardRule(Frozen):
    """What declines an application, or sends it to a person, whatever the model says.

    `reason` is what the applicant is told. Where `when` is neither true nor false, for a value is
    missing, a person has to look, and `unjudged_reason` says why.
    """

    when: str
    decision: Literal["decline", "review"]
    reason: str = Field(min_length=1)
    description: str = ""

    @cached_property
    def condition(self) -> Condition:
        """The condition as a tree."""
        return parse_condition(self.when)

    @cached_property
    def unjudged_reason(self) -> str:
        """The text for a case in which a value is missing.

        >>> HardRule(when="debt > 5 * income", decision="decline", reason="r").unjudged_reason
        'It could not be checked without a value for debt, income'
        """
        return f"It could not be checked without a value for {', '.join(sorted(self.names))}"

    @property
    def names(self) -> frozenset[str]:
        """The columns that it reads."""
        return self.condition.names

    @model_validator(mode="after")
    def _parses(self) -> Self:
        try:
            parse_condition(self.when)
        except ExpressionError as error:
            raise ValueError(f"when {self.when!r}: {error}") from None
        return self


class FileSource(Frozen):
    """A csv, csv.gz or parquet file, or a glob of parts; `${NAME}` is read from the environment."""

    path: str


class SqlSource(Frozen):
    """A query against a SQLAlchemy URL; `${NAME}` in the URL is read from the environment."""

    url: str
    query: str


class TargetIsBad(Frozen):
    """Bad: the target column holds the bad value. Every row with a target has matured.

    `horizon_months` is how long after the time column an outcome is known; rows whose outcome was
    not known when the test starts are then not trained on.
    """

    version: int = 1
    target: str
    bad_value: str | int | float | bool = 1
    horizon_months: int | None = Field(default=None, gt=0)


class EventWithinHorizon(Frozen):
    """Bad: the event happened within `horizon_months` of the time column.

    A row matures, good or bad, once its full horizon has passed at `observed_until` (by default
    the latest event date in the data). Bads are known earlier, but counting them before the goods
    of their vintage can be known would overstate the bad rate.
    """

    version: int = 1
    event: str
    event_value: str | int | float | bool = 1
    event_date: str
    horizon_months: int = Field(gt=0)
    observed_until: date | None = None


def _kind_of_bad(content: object) -> str:
    if isinstance(content, dict):
        speaks_of_event = any(str(key).startswith("event") for key in content)
        return "event" if speaks_of_event and "target" not in content else "target"
    return "target" if isinstance(content, TargetIsBad) else "event"


def _kind_of_source(content: object) -> str:
    if isinstance(content, dict):
        return "url" if {"url", "query"} & content.keys() and "path" not in content else "path"
    return "path" if isinstance(content, FileSource) else "url"


def _read_bad(content: Any) -> Any:
    if isinstance(content, dict | TargetIsBad | EventWithinHorizon):
        return content
    raise ValueError(
        "expected the keys target and bad_value, or event, event_date and horizon_months"
    )


def _read_source(content: Any) -> Any:
    if isinstance(content, str) and "://" not in content:
        return {"path": content}
    if isinstance(content, dict | FileSource | SqlSource):
        return content
    raise ValueError("expected the path of a file, or the keys url and query")


BadDefinition = Annotated[
    Annotated[TargetIsBad, Tag("target")] | Annotated[EventWithinHorizon, Tag("event")],
    Discriminator(_kind_of_bad),
    BeforeValidator(_read_bad),
]
Source = Annotated[
    Annotated[FileSource, Tag("path")] | Annotated[SqlSource, Tag("url")],
    Discriminator(_kind_of_source),
    BeforeValidator(_read_source),
]


class Schema(Frozen):
    """A data set's bad definition and columns: what a package keeps of its spec.

    >>> schema = Schema.model_validate({
    ...     "name": "tiny",
    ...     "bad": {"target": "defaulted"},
    ...     "columns": {
    ...         "balance": {"type": "number", "unit": "EUR"},
    ...         "limit": {"type": "number", "unit": "EUR"},
    ...         "sex": {"type": "category", "role": "protected"},
    ...     },
    ...     "derived": {"utilisation": {"expression": "balance / limit"}},
    ... })
    >>> list(schema.fields), schema.number_features
    (['balance', 'limit'], ('balance', 'limit', 'utilisation'))
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: int = 1
    description: str = ""
    citation: str = ""
    id: str | None = None
    time: str | None = None
    exposure: str | None = None
    bad: BadDefinition
    columns: dict[str, Column] = Field(min_length=1)
    derived: dict[str, DerivedColumn] = {}
    rules: dict[str, HardRule] = {}

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        if self.time and self.columns.get(self.time, Column(type="date")).type != "date":
            raise ValueError(f"time column {self.time!r} must have type date")
        if self.bad.horizon_months and not self.time:
            raise ValueError("a bad definition with a horizon needs a time column")
        self._check_exposure()
        if self.id in self.columns and self.columns[self.id].is_input:
            raise ValueError(f"id column {self.id!r} cannot be an input; give it role ignore")
        for name in self.outcome_columns:
            if name in self.columns and self.columns[name].is_input:
                raise ValueError(f"{name!r} belongs to the bad definition and cannot be an input")
        self._check_derived()
        self._check_rules()
        self._check_dates()
        if not self.number_features and not self.category_features:
            raise ValueError("no column has role input: a model needs at least one")
        return self

    def _check_exposure(self) -> None:
        if not self.exposure:
            return
        if self.exposure not in self.columns:
            raise ValueError(f"exposure column {self.exposure!r} is not among the columns")
        if self.columns[self.exposure].type not in ("number", "integer"):
            raise ValueError(f"exposure column {self.exposure!r} must have type number or integer")

    def _check_derived(self) -> None:
        known = set(self.columns)
        for name, derived in self.derived.items():
            if name in known:
                raise ValueError(f"derived column {name!r} has the name of another column")
            if not derived.parsed.names:
                raise ValueError(f"derived column {name!r} uses no column: {derived.expression!r}")
            for operand in sorted(derived.parsed.names):
                self._check_operand(f"derived column {name!r}", operand, known)
            known.add(name)

    def _check_rules(self) -> None:
        known = {*self.columns, *self.derived}
        for name, rule in self.rules.items():
            if not rule.names:
                raise ValueError(f"rule {name!r} uses no column: {rule.when!r}")
            for operand in sorted(rule.names):
                self._check_operand(f"rule {name!r}", operand, known)

    def _check_operand(self, user: str, operand: str, known: set[str]) -> None:
        if operand not in known:
            raise ValueError(f"{user} uses {operand!r}, which no column above it names")
        if operand in self.outcome_columns:
            raise ValueError(f"{user} uses {operand!r}, which tells the outcome")
        column = self.columns.get(operand)
        if column and not column.is_number:
            raise ValueError(f"{user} uses {operand!r}, a {column.type}, as a number")
        if column and column.role == "protected" and not column.is_input:
            raise ValueError(f"{user} uses the protected column {operand!r}")

    def _check_dates(self) -> None:
        for name, column in self.columns.items():
            if column.type == "date" and column.is_input and name not in self._derived_from:
                raise ValueError(
                    f"{name!r} is an input, but a date is not a feature by itself: use it in a "
                    "derived column, or give it role ignore"
                )

    @cached_property
    def _derived_from(self) -> set[str]:
        return set().union(*(derived.parsed.names for derived in self.derived.values()))

    @cached_property
    def _ruled_by(self) -> set[str]:
        return set().union(*(rule.names for rule in self.rules.values()))

    @property
    def currency(self) -> str:
        """The unit of amounts; empty where the spec names none."""
        return self.columns[self.exposure].unit if self.exposure else ""

    @property
    def outcome_columns(self) -> tuple[str, ...]:
        """The columns that only the future fills: never read by a model."""
        if isinstance(self.bad, TargetIsBad):
            return (self.bad.target,)
        return (self.bad.event, self.bad.event_date)

    @cached_property
    def fields(self) -> dict[str, Column]:
        """What one application carries: the inputs and whatever derived columns and rules read."""
        return {
            name: column
            for name, column in self.columns.items()
            if column.is_input or name in self._derived_from or name in self._ruled_by
        }

    @cached_property
    def protected(self) -> dict[str, Column]:
        """Columns that are audited for fairness."""
        return {name: c for name, c in self.columns.items() if c.role == "protected"}

    @cached_property
    def number_fields(self) -> tuple[str, ...]:
        """Fields that arrive as numbers (dates as day numbers), in the order of the spec."""
        return tuple(name for name, column in self.fields.items() if column.is_number)

    @cached_property
    def date_positions(self) -> tuple[int, ...]:
        """Where dates stand among the number fields."""
        fields = enumerate(self.number_fields)
        return tuple(place for place, name in fields if self.columns[name].type == "date")

    @cached_property
    def category_fields(self) -> tuple[str, ...]:
        """Fields that arrive as text, in the order of the spec."""
        return tuple(name for name, column in self.fields.items() if not column.is_number)

    @cached_property
    def number_features(self) -> tuple[str, ...]:
        """Numbers that a model reads: numeric inputs, then derived columns.

        A date is an operand, not a feature: a model that reads the calendar cannot be used on
        another day.
        """
        numbers = (
            name
            for name, column in self.columns.items()
            if column.is_input and column.type in ("number", "integer")
        )
        return (*numbers, *self.derived)

    @cached_property
    def category_features(self) -> tuple[str, ...]:
        """Categories that a model reads."""
        return self.category_fields

    def feature(self, name: str) -> Column | DerivedColumn:
        """The declaration behind a feature."""
        return self.derived[name] if name in self.derived else self.columns[name]

    def special_codes(self, feature: str) -> tuple[float, ...]:
        """The special codes of a number feature in ascending order; none for a derived one."""
        column = self.columns.get(feature)
        return tuple(sorted(column.special)) if column else ()

    def columns_read(self) -> Iterator[str]:
        """Every column of the source that training reads, without repetition."""
        named = (self.id, self.time, self.exposure, *self.outcome_columns, *self.columns)
        yield from dict.fromkeys(name for name in named if name)


class DatasetSpec(Schema):
    """A schema and where its rows come from."""

    source: Source
