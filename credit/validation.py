"""Validation of rows at the border: what is right is typed, what is wrong is set aside with why.

Rows are checked once, here; everything behind trusts them. No row is dropped or mended in
silence: a rejected row keeps its number, every reason, and the values as they came.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.spec import Column, DatasetSpec, EventWithinHorizon, TargetIsBad

BoolArray = NDArray[np.bool_]

ROW = "row"
REASONS = "reasons"


class RowsError(ValueError):
    """The rows as a whole cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Problem:
    """One kind of fault of one column: the rows that have it and what to say of each."""

    column: str
    rows: BoolArray
    expected: str

    def reason(self, value: object) -> str:
        got = "nothing" if pd.isna(value) else repr(value.item() if isinstance(value, np.generic) else value)  # type: ignore[call-overload]
        return f"{self.column}: got {got}, expected {self.expected}"


@dataclass(frozen=True)
class Validated:
    """Typed rows, and the rejected ones as they came with a `row` number and their `reasons`.

    Numbers and integers are float64 (NaN: missing), dates datetime64, categories text (None:
    missing). Row numbers count from 1, the header not included.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame

    @property
    def rejected_share(self) -> float:
        """Share of all rows that were rejected, from 0 to 1."""
        total = len(self.rows) + len(self.rejected)
        return len(self.rejected) / total if total else 0.0


def validate(frame: pd.DataFrame, spec: DatasetSpec, *, outcomes: bool = True) -> Validated:
    """Check rows against the spec.

    Args:
        frame: rows as read from the source; columns that the spec does not name are ignored.
        outcomes: whether the columns of the bad definition must be there (training) or not
            (applications to score).

    Raises:
        RowsError: there are no rows, or a column is missing altogether.

    >>> spec = DatasetSpec.model_validate({
    ...     "name": "tiny", "source": {"path": "x.csv"}, "bad": {"target": "bad"},
    ...     "columns": {"age": {"type": "integer", "range": [18, 99]}}})
    >>> checked = validate(pd.DataFrame({"age": [30, 17], "bad": [0, 1]}), spec)
    >>> checked.rejected[["row", "reasons"]].values.tolist()
    [[2, 'age: got 17, expected an integer from 18 to 99']]
    """
    needed = _needed_columns(spec, outcomes)
    if frame.empty:
        raise RowsError("there are no rows; expected at least one below the header")
    absent = [name for name in needed if name not in frame.columns]
    if absent:
        raise RowsError(f"columns {', '.join(absent)} are missing; there are {', '.join(map(str, frame.columns))}")
    frame = frame.reset_index(drop=True)
    typed: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    for name in needed:
        column = spec.columns.get(name) or _implied_column(spec, name)
        typed[name], found = _check_column(frame[name], name, column)
        problems += found
    if spec.id in typed:
        problems.append(_duplicates(typed[spec.id], spec.id))
    if outcomes:
        problems += _outcome_problems(typed, spec)
    return _split(frame, pd.DataFrame(typed), [problem for problem in problems if problem.rows.any()])


def _needed_columns(spec: DatasetSpec, outcomes: bool) -> list[str]:
    if outcomes:
        return list(spec.columns_read())
    return list(spec.fields)


def _implied_column(spec: DatasetSpec, name: str) -> Column:
    """The declaration of an id or outcome column that the spec names but does not describe."""
    if isinstance(spec.bad, EventWithinHorizon) and name == spec.bad.event_date:
        return Column(type="date", role="ignore")
    if name == spec.time:
        return Column(type="date", role="ignore", missing_allowed=False)
    return Column(type="category", role="ignore", missing_allowed=name in spec.outcome_columns)


def _check_column(raw: pd.Series, name: str, column: Column) -> tuple[pd.Series, list[Problem]]:
    typed, unreadable = _CONVERTERS[column.type](raw)
    problems = [Problem(name, unreadable, column.expected)]
    present = typed.notna().to_numpy()
    if not column.missing_allowed:
        problems.append(Problem(name, ~present & ~unreadable, f"{column.expected} (missing is not allowed)"))
    if column.levels is not None:
        problems.append(Problem(name, present & ~typed.isin(column.levels).to_numpy(), column.expected))
    outside = present & ~_in_range(typed, column)
    if column.special:
        outside &= ~typed.isin(list(column.special)).to_numpy()
    problems.append(Problem(name, outside, column.expected))
    return typed, problems


def _as_number(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    numbers = pd.to_numeric(raw, errors="coerce").astype("float64")
    infinite = np.isinf(numbers.to_numpy())
    unreadable = (_present(raw) & numbers.isna().to_numpy()) | infinite
    return numbers.mask(infinite), unreadable


def _as_integer(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    numbers, unreadable = _as_number(raw)
    fractional = (numbers.notna() & (numbers != numbers.round())).to_numpy()
    return numbers, unreadable | fractional


def _as_date(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    if pd.api.types.is_numeric_dtype(raw):
        return pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us]"), _present(raw)
    dates = pd.to_datetime(raw, errors="coerce", format=None if _is_dates(raw) else "ISO8601")
    if dates.dt.tz is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.astype("datetime64[us]"), _present(raw) & dates.isna().to_numpy()


def _is_dates(raw: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(raw)


def _as_category(raw: pd.Series) -> tuple[pd.Series, BoolArray]:
    return category_text(raw), np.zeros(len(raw), dtype=bool)


_CONVERTERS = {
    "number": _as_number,
    "integer": _as_integer,
    "date": _as_date,
    "category": _as_category,
}


def category_text(raw: pd.Series) -> pd.Series:
    """Levels as text: whole numbers without a decimal point, surrounding blanks off, None missing.

    >>> category_text(pd.Series([1.0, None, 2.5])).tolist()
    ['1', None, '2.5']
    """
    levels, codes = pd.factorize(raw, use_na_sentinel=True)[1], pd.factorize(raw)[0]
    texts = np.array([_level_text(level) for level in levels] + [None], dtype=object)
    return pd.Series(texts[codes], index=raw.index, name=raw.name, dtype=object)


def _level_text(level: object) -> str | None:
    if isinstance(level, float | np.floating) and float(level).is_integer():
        return str(int(level))
    return str(level).strip() or None


def _present(raw: pd.Series) -> BoolArray:
    present = raw.notna().to_numpy(dtype=bool)
    if raw.dtype == object or pd.api.types.is_string_dtype(raw):
        present = present & (raw.astype(str).str.strip() != "").to_numpy(dtype=bool)
    return present


def _in_range(typed: pd.Series, column: Column) -> BoolArray:
    low, high = (pd.Timestamp(bound) if column.type == "date" and bound else bound for bound in column.range)
    inside = np.ones(len(typed), dtype=bool)
    if low is not None:
        inside &= (typed >= low).to_numpy()
    if high is not None:
        inside &= (typed <= high).to_numpy()
    return inside


def _duplicates(ids: pd.Series, name: str) -> Problem:
    return Problem(name, (ids.duplicated() & ids.notna()).to_numpy(), "an id that no row above has")


def _outcome_problems(typed: dict[str, pd.Series], spec: DatasetSpec) -> list[Problem]:
    if isinstance(spec.bad, TargetIsBad):
        target = spec.bad.target
        return [Problem(target, typed[target].isna().to_numpy(), "a target value")]
    event, event_date = typed[spec.bad.event], typed[spec.bad.event_date]
    happened = event == str(spec.bad.event_value)
    return [
        Problem(spec.bad.event, event.isna().to_numpy(), "whether the event happened"),
        Problem(spec.bad.event_date, (happened & event_date.isna()).to_numpy(), "the date of the event"),
    ]


def _split(raw: pd.DataFrame, typed: pd.DataFrame, problems: list[Problem]) -> Validated:
    bad = np.zeros(len(raw), dtype=bool)
    for problem in problems:
        bad |= problem.rows
    positions = np.flatnonzero(bad)
    rejected = raw.iloc[positions].copy()
    rejected.insert(0, REASONS, [_reasons(raw, problems, position) for position in positions])
    rejected.insert(0, ROW, positions + 1)
    return Validated(typed[~bad].reset_index(drop=True), rejected.reset_index(drop=True))


def _reasons(raw: pd.DataFrame, problems: list[Problem], position: int) -> str:
    return "; ".join(
        problem.reason(raw[problem.column].iat[position])
        for problem in problems
        if problem.rows[position]
    )
