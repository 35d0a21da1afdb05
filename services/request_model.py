"""The request of one application, built from a package's schema.

One pydantic model checks requests and describes them in the OpenAPI document, so the page cannot
promise what the service refuses. JSON is taken as it is: the text "12" is no number, true is no
number either, and 1.5 is no integer. Levels of categories are read as in training.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import ceil, floor, sqrt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic import create_model as create_pydantic_model
from pydantic_core import ErrorDetails

from credit.spec import Column, Schema, level_text
from services.application import Application
from services.columns import REFUSED, Check, ColumnCheck, numbers_check, values_check
from services.problems import FieldProblem, ProblemError, invalid, shown

FEATURES = "features"
PROTECTED = "protected"
LONGEST_ID = 200
# PostgreSQL keeps no NUL in a text.
WITHOUT_NUL = r"^[^\u0000]*$"

Json = dict[str, Any]

_PLAIN = {FEATURES, "application_id"}
_STRICT = ConfigDict(extra="forbid", strict=True)


class ApplicationReader:
    """Reads applications for one schema.

    >>> schema = Schema.model_validate({"name": "tiny", "bad": {"target": "bad"}, "columns": {
    ...     "term": {"type": "integer", "unit": "months", "range": [4, 72]}}})
    >>> ApplicationReader(schema).read({"features": {"term": 24}}).fields
    {'term': 24.0}
    >>> try:
    ...     ApplicationReader(schema).read({"features": {"term": "24"}})
    ... except ProblemError as problem:
    ...     problem.errors
    [FieldProblem(field='term', got='"24"', expected='an integer from 4 to 72 months')]
    """

    def __init__(self, schema: Schema):
        self._schema = schema
        self._names = _keys(schema.fields)
        self._checks = {name: _column_check(column) for name, column in schema.fields.items()}
        self._protected_names = _keys(schema.protected)
        optional = {name: _optional(column) for name, column in schema.protected.items()}
        parts: Any = {
            FEATURES: (
                _fields_model("Features", self._names, schema.fields),
                Field(description="The fields that the served model reads."),
            ),
            "application_id": (
                Annotated[str, Field(max_length=LONGEST_ID, pattern=WITHOUT_NUL)] | None,
                Field(
                    default=None,
                    description="Your own name for the application; it is echoed. The same one "
                    "again gets the stored answer.",
                ),
            ),
            PROTECTED: (
                _fields_model("Protected", self._protected_names, optional) | None,
                Field(
                    default=None,
                    description="Attributes for fairness monitoring: stored apart, no input of "
                    "any model, in no answer.",
                ),
            ),
        }
        config = ConfigDict(**_STRICT, json_schema_extra={"example": example(schema)})
        self.model: type[BaseModel] = create_pydantic_model(
            "Application", __config__=config, **parts
        )

    def read(self, content: object) -> Application:
        """Checked and typed field values, the application's id, and protected attributes.

        Raises:
            ProblemError: 422, naming every field that is wrong.
        """
        try:
            request: Any = self.model.model_validate(content)
        except ValidationError as error:
            raise self._problem(error) from None
        values = request.features.__dict__
        fields = {name: values[key] for key, name in self._names.items()}
        protected = self._sent(request.protected) if request.protected else None
        return Application(fields, request.application_id, protected)

    def read_many(self, rows: Sequence[object]) -> list[Application | ProblemError]:
        """Each row as `read` has it, or what is wrong with it."""
        plain = [position for position, row in enumerate(rows) if self._is_plain(row)]
        read = dict(zip(plain, self._read_plain([rows[each] for each in plain]), strict=True))
        return [
            read.get(position) or self._read_or_problem(row) for position, row in enumerate(rows)
        ]

    def _is_plain(self, row: object) -> bool:
        """Whether a row has nothing but known fields and perhaps an ordinary id."""
        if type(row) is not dict or not row.keys() <= _PLAIN:
            return False
        features, application_id = row.get(FEATURES), row.get("application_id")
        return (
            type(features) is dict
            and features.keys() <= self._checks.keys()
            and (application_id is None or _is_plain_id(application_id))
        )

    def _read_plain(self, rows: Sequence[Any]) -> list[Application | None]:
        """Plain rows, column by column; none in place of one with a wrong value."""
        columns = [
            check([row[FEATURES].get(name) for row in rows]) for name, check in self._checks.items()
        ]
        return [
            None
            if REFUSED in values
            else Application(
                dict(zip(self._checks, values, strict=True)), row.get("application_id")
            )
            for row, values in zip(rows, zip(*columns, strict=True), strict=True)
        ]

    def _read_or_problem(self, row: object) -> Application | ProblemError:
        try:
            return self.read(row)
        except ProblemError as problem:
            return problem

    def _sent(self, protected: BaseModel) -> Json:
        """What was sent, as JSON."""
        values = {
            self._protected_names[key]: getattr(protected, key)
            for key in protected.model_fields_set
        }
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in values.items()
        }

    def _problem(self, error: ValidationError) -> ProblemError:
        faults = error.errors(include_url=False, include_context=False)
        return invalid([self._field_problem(fault) for fault in faults], "invalid-application")

    def _field_problem(self, fault: ErrorDetails) -> FieldProblem:
        path = [str(part) for part in fault["loc"]]
        inside_features = len(path) > 1 and path[0] == FEATURES
        name = path[1] if inside_features else ".".join(path) or "body"
        got = "nothing" if fault["type"] == "missing" else shown(fault["input"])
        if inside_features:
            return FieldProblem(name, got, self._expected(name))
        if len(path) > 1 and path[0] == PROTECTED:
            return FieldProblem(name, got, self._expected_protected(path[1]))
        return FieldProblem(name, got, _EXPECTED_OUTSIDE.get(name, "no such field; remove it"))

    def _expected_protected(self, name: str) -> str:
        column = self._schema.protected.get(name)
        names = ", ".join(self._schema.protected) or "none"
        return column.expected if column else f"one of the protected attributes: {names}"

    def _expected(self, name: str) -> str:
        column = self._schema.fields.get(name)
        if column:
            return column.expected + ("" if column.missing_allowed else " (missing is not allowed)")
        if name in self._schema.protected:
            return "nothing: it is a protected attribute, which is never an input; remove it"
        if name in self._schema.derived:
            return "nothing: it is computed from other fields; remove it"
        return "no such field; remove it or correct its spelling"


_EXPECTED_OUTSIDE = {
    "body": "an object with the key 'features'",
    FEATURES: "an object of field values",
    PROTECTED: "an object of protected attributes",
    "application_id": f"a text of at most {LONGEST_ID} characters without NUL",
}


def example(schema: Schema) -> Json:
    """A request that the schema allows, for the OpenAPI page."""
    return {FEATURES: {name: _example_value(column) for name, column in schema.fields.items()}}


def _example_value(column: Column) -> object:
    if column.type == "category":
        return next(iter(column.levels)) if column.levels else "text"
    if column.type == "date":
        first, last = _days(column)
        return str(min(max(date(2024, 1, 31), first), last))
    return _example_number(column)


def _example_number(column: Column) -> float:
    """A short number between the bounds by order of magnitude, for many ranges span several.

    >>> _example_number(Column(type="number", range=(1, 1_000_000)))
    1000
    >>> _example_number(Column(type="integer", range=(2, None)))
    20
    """
    low, high = _limits(column)
    if _is_whole(column):
        low, high = float(ceil(low)), float(floor(high))
    start = max(low, 1.0)
    end = high if column.range[1] is not None else 100 * start
    middle = sqrt(start) * sqrt(end) if start < end else low / 2 + end / 2
    short = min(max(float(f"{middle:.2g}"), low), high)
    return round(short) if _is_whole(column) else _whole_if_it_is(short)


def _is_whole(column: Column) -> bool:
    return column.type == "integer"


def _keys(columns: Mapping[str, Column]) -> dict[str, str]:
    """A name that pydantic takes for each column, whatever it is called."""
    return {f"field_{number}": name for number, name in enumerate(columns)}


def _optional(column: Column) -> Column:
    return column.model_copy(update={"missing_allowed": True})


def _fields_model(
    title: str, names: Mapping[str, str], columns: Mapping[str, Column]
) -> type[BaseModel]:
    fields: Any = {key: _field(name, columns[name]) for key, name in names.items()}
    return create_pydantic_model(title, __config__=_STRICT, **fields)


def _field(name: str, column: Column) -> tuple[object, Any]:
    kind = Annotated[
        object,
        PlainValidator(_check(column)),
        WithJsonSchema(_json_schema(column)),
    ]
    default = None if column.missing_allowed else ...
    return kind, Field(default, alias=name, title=name, description=_description(column))


def _check(column: Column) -> Check:
    """What types a value of a column, or raises ValueError."""
    check = _CHECKS[column.type](column)
    return _or_missing(check) if column.missing_allowed else check


def _column_check(column: Column) -> ColumnCheck:
    if not column.is_number or column.type == "date":
        return values_check(_check(column))
    low, high = _limits(column)
    return numbers_check(low, high, column.special, _is_whole(column), _check(column))


def _is_plain_id(application_id: object) -> bool:
    return (
        type(application_id) is str
        and len(application_id) <= LONGEST_ID
        and application_id.isascii()
        and "\0" not in application_id
    )


def _or_missing(check: Check) -> Check:
    def check_present(value: object) -> object:
        return None if value is None else check(value)

    return check_present


def _number_check(column: Column) -> Check:
    low, high = _limits(column)
    codes, whole = frozenset(column.special), _is_whole(column)

    def check(value: object) -> object:
        # Not isinstance, which would let true and false pass for 1 and 0.
        if type(value) is not float and type(value) is not int:
            raise ValueError
        if not (low <= value <= high or value in codes) or (whole and value != value // 1):
            raise ValueError
        return float(value)

    return check


def _limits(column: Column) -> tuple[float, float]:
    """The range, closed at the largest finite number, so that infinity is refused."""
    low, high = column.range
    return (
        low if isinstance(low, float) else -sys.float_info.max,
        high if isinstance(high, float) else sys.float_info.max,
    )


def _days(column: Column) -> tuple[date, date]:
    first, last = column.range
    return (
        first if isinstance(first, date) else date.min,
        last if isinstance(last, date) else date.max,
    )


def _date_check(column: Column) -> Check:
    first, last = _days(column)

    def check(value: object) -> object:
        # Length and dashes leave one of the many forms of ISO 8601: YYYY-MM-DD.
        if not isinstance(value, str) or len(value) != 10 or value[4] != "-" or value[7] != "-":
            raise ValueError
        day = date.fromisoformat(value)
        if not first <= day <= last:
            raise ValueError
        return day

    return check


def _category_check(column: Column) -> Check:
    levels, missing_allowed = column.levels, column.missing_allowed

    def check(value: object) -> object:
        if not isinstance(value, str | int | float):
            raise ValueError
        text = level_text(value)
        if text == "" and missing_allowed:
            return None
        if text == "" or (levels is not None and text not in levels):
            raise ValueError
        return text

    return check


_CHECKS: Mapping[str, Callable[[Column], Check]] = {
    "number": _number_check,
    "integer": _number_check,
    "date": _date_check,
    "category": _category_check,
}


def _description(column: Column) -> str:
    parts = [column.description]
    if column.unit:
        parts.append(f"Unit: {column.unit}")
    labels = {code: label for code, label in (column.levels or {}).items() if label}
    if labels:
        parts.append("; ".join(f"{level} = {label}" for level, label in labels.items()))
    if column.special:
        codes = sorted(column.special.items())
        parts.append("Special codes: " + "; ".join(f"{code:g} = {label}" for code, label in codes))
    if column.missing_allowed:
        parts.append("May be missing")
    return ". ".join(part.rstrip(".") for part in parts if part)


def _json_schema(column: Column) -> Json:
    kinds = [_value_schema(column)]
    if column.special:
        kinds.append(
            {"type": "number", "enum": [_whole_if_it_is(c) for c in sorted(column.special)]}
        )
    if column.missing_allowed:
        kinds.append({"type": "null"})
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _value_schema(column: Column) -> Json:
    if column.levels is not None:
        texts: list[object] = list(column.levels)
        return {"enum": [*texts, *(value for level in column.levels for value in _bare(level))]}
    if column.type == "category":
        return {"anyOf": [{"type": kind} for kind in ("string", "number", "boolean")]}
    if column.type == "date":
        return {"type": "string", "format": "date"}
    low, high = column.range
    limits = {"minimum": low, "maximum": high}
    return {
        "type": column.type,
        **{
            word: _whole_if_it_is(bound)
            for word, bound in limits.items()
            if isinstance(bound, float)
        },
    }


def _bare(level: str) -> list[object]:
    """What a level is in JSON without quotes, if anything.

    >>> [_bare(level) for level in ("1", "True", "1.5", "01", "own")]
    [[1], [True], [1.5], [], []]
    """
    try:
        value = json.loads(level.lower())
    except json.JSONDecodeError:
        return []
    return [value] if isinstance(value, int | float) and level_text(value) == level else []


def _whole_if_it_is(number: float) -> float:
    return int(number) if number.is_integer() else number
