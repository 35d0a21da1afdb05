"""Validation of rows at the border: what is right is typed, what is wrong is set aside with why.

Rows are checked once, here; everything behind trusts them. No row is dropped or mended in
silence: a rejected row keeps its number, every reason, and the values as they came.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.spec import Column, ColumnType, EventWithinHorizon, Schema, TargetIsBad, level_text

BoolArray = NDArray[np.bool_]

ROW = "row"
REASONS = "reasons"

# What files write for a missing number or date. In a category such a word is a level: the code
# of Namibia is NA, and "n/a" may say that a person has no employer.
MISSING_WORDS = (
    "",
    ".",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "nan",
    "NaT",
    "null",
    "NULL",
    "None",
)

_ISO_DATE = r"^(\d{4}-\d{2}(?:-\d{2})?)(?:[T ]\d{2}:\d{2}.*)?$"
_LONGEST_SHOWN = 80


class RowsError(ValueError):
    """The rows as a whole cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Problem:
    """One kind of fault of one column: the rows that have it and what to say of each."""

    column: str
    rows: BoolArray
    expected: str

    def reason(self, value: object) -> str:
        """What is wrong with one value."""
        return f"{self.column}: got {_shown(value)}, expected {self.expected}"


@dataclass(frozen=True)
class Validated:
    """Typed rows, and the rejected ones as they came with a `row` number and their `reasons`.

    Numbers and integers are float64 (NaN: missing), dates datetime64, categories text (None:
    missing). Row numbers count from 1, the header not included. A date is the day as written;
    a month alone is its first day.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame

    @property
    def rejected_share(self) -> float:
        """Share of all rows that were rejected, from 0 to 1."""
        total = len(self.rows) + len(self.rejected)
        return len(self.rejected) / total if total else 0.0


def validate(frame: pd.DataFrame, spec: Schema, *, outcomes: bool = True) -> Validated:
    """Check rows against the spec.

    Args:
        frame: rows as read from the source; columns that the spec does not name are ignored.
        outcomes: whether the columns of the bad definition must be there (training) or not
            (applications to score).

    Raises:
        RowsError: there are no rows, or a column is missing altogether.

    >>> spec = Schema.model_validate({
    ...     "name": "tiny", "bad": {"target": "bad"},
    ...     "columns": {"age": {"type": "integer", "range": [18, 99]}}})
    >>> checked = validate(pd.DataFrame({"age": [30, 17], "bad": [0, 1]}), spec)
    >>> checked.rejected[["row", "reasons"]].values.tolist()
    [[2, 'age: got 17, expected an integer from 18 to 99']]
    """
    needed = _needed_columns(spec, outcomes)
    _check_header(frame, needed)
    frame = frame.reset_index(drop=True)
    typed: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    for name in needed:
        typed[name], found = _check_column(frame[name], name, _declared_column(spec, name))
        problems += found
    rows = pd.DataFrame(typed)
    if outcomes:
        problems += _outcome_problems(typed, spec)
    if spec.id in typed:
        problems.append(_repeated_ids(rows, spec.id, _any_problem(problems, len(rows))))
    return _split(frame, rows, [problem for problem in problems if problem.rows.any()])


def _check_header(frame: pd.DataFrame, needed: list[str]) -> None:
    if frame.empty:
        raise RowsError("there are no rows; expected at least one below the header")
    there = ", ".join(map(str, frame.columns))
    absent = [name for name in needed if name not in frame.columns]
    if absent:
        raise RowsError(
            f"{counted(len(absent), 'column')} missing: {', '.join(absent)}; there are {there}"
        )
    twice = frame.columns[frame.columns.duplicated()]
    if twice.isin(needed).any():
        raise RowsError(
            f"two columns have the same name: {', '.join(map(str, twice.unique()))}; rename one"
        )


def _needed_columns(spec: Schema, outcomes: bool) -> list[str]:
    if outcomes:
        return list(spec.columns_read())
    return list(spec.fields)


def _declared_column(spec: Schema, name: str) -> Column:
    """What the spec declares of a column, or implies of an id, time or outcome column."""
    is_key = name in (spec.id, spec.time)
    if name in spec.columns:
        column = spec.columns[name]
        return column.model_copy(update={"missing_allowed": False}) if is_key else column
    is_event_date = isinstance(spec.bad, EventWithinHorizon) and name == spec.bad.event_date
    return Column(
        type="date" if is_event_date or name == spec.time else "category",
        role="ignore",
        missing_allowed=not is_key,
    )


def _check_column(raw: pd.Series, name: str, column: Column) -> tuple[pd.Series, list[Problem]]:
    typed, unreadable = convert(raw, column.type)
    present = typed.notna().to_numpy()
    wrong = unreadable | (present & ~_is_allowed(typed, column))
    problems = [Problem(name, wrong, column.expected)]
    if not column.missing_allowed:
        expected = f"{column.expected} (missing is not allowed)"
        problems.append(Problem(name, ~present & ~unreadable, expected))
    return typed, problems


def _is_allowed(typed: pd.Series, column: Column) -> BoolArray:
    if column.levels is not None:
        return typed.isin(list(column.levels)).to_numpy()
    inside = _in_range(typed, column)
    return inside | typed.isin(list(column.special)).to_numpy() if column.special else inside


def _as_number(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    if pd.api.types.is_datetime64_any_dtype(raw):
        return pd.Series(np.nan, index=raw.index), raw.notna().to_numpy()
    numbers = pd.to_numeric(raw, errors="coerce").astype("float64")
    if _may_hold_text(raw):
        # pandas takes the last digits of a long decimal lightly; float() gives the nearest number.
        texts = numbers.notna() & raw.map(lambda value: isinstance(value, str)).astype(bool)
        numbers[texts] = raw[texts].map(float).astype("float64")
    infinite = np.isinf(numbers.to_numpy())
    unreadable = (_present(raw) & numbers.isna().to_numpy()) | infinite
    return numbers.mask(infinite), unreadable


def _as_integer(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    numbers, unreadable = _as_number(raw)
    fractional = (numbers.notna() & (numbers != numbers.round())).to_numpy()
    return numbers, unreadable | fractional


def _as_date(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    """The day as it is written: a time of day or a zone behind it does not move it."""
    if pd.api.types.is_datetime64_any_dtype(raw):
        dates = raw.dt.tz_localize(None).dt.normalize()
    else:
        days = raw.astype(str).str.strip().str.extract(_ISO_DATE, expand=False)
        dates = pd.to_datetime(days, errors="coerce", format="ISO8601")
    return dates.astype("datetime64[us]"), _present(raw) & dates.isna().to_numpy()


def _as_category(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    return category_text(raw), np.zeros(len(raw), dtype=bool)


_CONVERTERS = {
    "number": _as_number,
    "integer": _as_integer,
    "date": _as_date,
    "category": _as_category,
}


def convert(raw: pd.Series, kind: ColumnType) -> tuple[pd.Series, BoolArray]:
    """Values of a column as its type, and which of them are there but cannot be read as it."""
    if isinstance(raw.dtype, pd.CategoricalDtype):
        raw = raw.astype(raw.cat.categories.dtype)
    return _CONVERTERS[kind](raw)


def category_text(raw: pd.Series) -> pd.Series:
    """Levels as `credit.spec.level_text` writes them; None is missing.

    A word such as "NA" is a level like any other.

    >>> category_text(pd.Series([1.0, None, 2.5])).tolist()
    ['1', None, '2.5']
    """
    if raw.dtype == object:  # factorize would take 1 and True for the same level
        texts = np.array([*map(_text_or_none, raw), None], dtype=object)[:-1]
    else:
        codes, levels = pd.factorize(raw)
        texts = np.array([*map(_text_or_none, levels), None], dtype=object)[codes]
    return pd.Series(texts, index=raw.index, name=raw.name, dtype=object)


def _is_missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _text_or_none(level: object) -> str | None:
    return None if _is_missing(level) else level_text(level) or None


def equals(column: pd.Series, value: object) -> BoolArray:
    """Where an outcome column holds a value; true and false count as 1 and 0.

    >>> equals(pd.Series(["True", "0", None]), 1).tolist()
    [True, False, False]
    """
    wanted = _outcome_text(category_text(pd.Series([value], dtype=object)))
    return (_outcome_text(category_text(column)) == wanted.iat[0]).to_numpy(dtype=bool)


def _outcome_text(texts: pd.Series) -> pd.Series:
    return texts.replace({"True": "1", "False": "0"})


def counted(number: int, noun: str) -> str:
    """A number with its noun and verb.

    >>> counted(1, "column"), counted(2, "column")
    ('1 column is', '2 columns are')
    """
    return f"1 {noun} is" if number == 1 else f"{number:,} {noun}s are"


def _present(raw: pd.Series) -> BoolArray:
    present = raw.notna().to_numpy(dtype=bool)
    if _may_hold_text(raw):
        text = raw.astype(str).str.strip()
        present = present & ~text.isin(MISSING_WORDS).to_numpy(dtype=bool)
    return present


def _may_hold_text(raw: pd.Series) -> bool:
    return raw.dtype == object or pd.api.types.is_string_dtype(raw)


def _in_range(typed: pd.Series, column: Column) -> BoolArray:
    low, high = (
        pd.Timestamp(bound) if isinstance(bound, date) else bound for bound in column.range
    )
    inside = np.ones(len(typed), dtype=bool)
    if low is not None:
        inside &= (typed >= low).to_numpy()
    if high is not None:
        inside &= (typed <= high).to_numpy()
    return inside


def _repeated_ids(rows: pd.DataFrame, name: str, flawed: BoolArray) -> Problem:
    """Of sound copies one stays; of rows that contradict each other, or a flawed one, none does."""
    ids = rows[name]
    copies = rows.duplicated()
    versions = ids[~copies].value_counts()
    doubtful = ids.isin(versions.index[versions > 1]) | ids.isin(ids[flawed])
    repeated = ids.duplicated(keep=False) & (copies | doubtful) & ids.notna()
    return Problem(name, repeated.to_numpy(), "an id that no other row has")


def _outcome_problems(typed: dict[str, pd.Series], spec: Schema) -> list[Problem]:
    if isinstance(spec.bad, TargetIsBad):
        target = spec.bad.target
        return [Problem(target, typed[target].isna().to_numpy(), "a target value")]
    event, event_date = typed[spec.bad.event], typed[spec.bad.event_date]
    undated = equals(event, spec.bad.event_value) & event_date.isna().to_numpy()
    return [
        Problem(spec.bad.event, event.isna().to_numpy(), "whether the event happened"),
        Problem(spec.bad.event_date, undated, "the date of the event"),
    ]


def _split(raw: pd.DataFrame, typed: pd.DataFrame, problems: list[Problem]) -> Validated:
    bad = _any_problem(problems, len(raw))
    rejected = raw[bad].copy()
    rejected.insert(0, REASONS, _reasons(raw, problems, bad), allow_duplicates=True)
    rejected.insert(0, ROW, np.flatnonzero(bad) + 1, allow_duplicates=True)
    return Validated(typed[~bad].reset_index(drop=True), rejected.reset_index(drop=True))


def _any_problem(problems: list[Problem], rows: int) -> BoolArray:
    found = np.zeros(rows, dtype=bool)
    for problem in problems:
        found |= problem.rows
    return found


def _reasons(raw: pd.DataFrame, problems: list[Problem], bad: BoolArray) -> list[str]:
    reasons: dict[int, list[str]] = {row: [] for row in np.flatnonzero(bad).tolist()}
    for problem in problems:
        rows = np.flatnonzero(problem.rows)
        for row, value in zip(rows.tolist(), raw[problem.column].iloc[rows], strict=True):
            reasons[row].append(problem.reason(value))
    return ["; ".join(found) for found in reasons.values()]


def _shown(value: object) -> str:
    if _is_missing(value):
        return "nothing"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool | np.bool_ | int | np.integer | float | np.floating):
        return str(value)
    text = repr(str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...'"
