"""From raw fields to what a model reads: one definition for training, serving and reasons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.expressions import FloatArray, evaluate
from credit.spec import Direction, Schema

TextArray = NDArray[np.object_]
CodeArray = NDArray[np.int64]

MISSING = ""
MISSING_CODE = 0
OTHER_CODE = 1
FIRST_LEVEL_CODE = 2
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Applications:
    """Raw fields as the scoring graph takes them.

    numbers: float64 [rows, number fields], NaN missing, dates as days since 1970-01-01.
    categories: text [rows, category fields], the empty text missing.
    """

    numbers: FloatArray
    categories: TextArray

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> "Applications":
        return Applications(self.numbers[rows], self.categories[rows])


def from_frame(rows: pd.DataFrame, schema: Schema) -> Applications:
    """Raw fields of validated rows."""
    numbers = np.empty((len(rows), len(schema.number_fields)))
    for position, name in enumerate(schema.number_fields):
        is_date = schema.columns[name].type == "date"
        numbers[:, position] = _days(rows[name]) if is_date else rows[name]
    categories = np.empty((len(rows), len(schema.category_fields)), dtype=object)
    for position, name in enumerate(schema.category_fields):
        categories[:, position] = rows[name].where(rows[name].notna(), MISSING)
    return Applications(numbers, categories)


def _days(dates: pd.Series) -> FloatArray:
    days = dates.to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64))


@dataclass(frozen=True)
class Vocabulary:
    """The levels of each category feature that are frequent enough to learn from.

    Code 0 is missing, 1 any other level, and the levels follow from 2 in sorted order.
    """

    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, categories: TextArray, fewest_rows: int) -> "Vocabulary":
        """Keep the levels that at least `fewest_rows` rows have."""
        kept = []
        for column in categories.T:
            counts = Counter(column.tolist())  # not np.unique: its texts lose final NULs
            counts.pop(MISSING, None)
            kept.append(tuple(sorted(text for text, n in counts.items() if n >= fewest_rows)))
        return cls(tuple(kept))

    def codes_of(self, column: int) -> dict[str, int]:
        """Text -> code for one category feature; whatever is not in it is `OTHER_CODE`."""
        known = {level: code for code, level in enumerate(self.levels[column], FIRST_LEVEL_CODE)}
        return {MISSING: MISSING_CODE, **known}

    def encode(self, categories: TextArray) -> CodeArray:
        """Codes [rows, category features]."""
        codes = np.empty(categories.shape, dtype=np.int64)
        for column in range(categories.shape[1]):
            known = self.codes_of(column)
            codes[:, column] = [known.get(text, OTHER_CODE) for text in categories[:, column]]
        return codes


@dataclass(frozen=True)
class Features:
    """What a model reads.

    numbers: float64 [rows, number features], NaN missing, special codes still in place.
    codes: int64 [rows, category features], as the vocabulary numbers them.
    """

    numbers: FloatArray
    codes: CodeArray

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> "Features":
        return Features(self.numbers[rows], self.codes[rows])


@dataclass(frozen=True)
class NumberFeature:
    """A number that a model reads, with what its spec declares of it."""

    name: str
    special_codes: tuple[float, ...]
    monotone: Direction | None


@dataclass(frozen=True)
class CategoryFeature:
    """A category that a model reads; codes run from 0 to `codes` - 1."""

    name: str
    codes: int


@dataclass(frozen=True)
class Layout:
    """The features in the order of the columns of `Features`."""

    numbers: tuple[NumberFeature, ...]
    categories: tuple[CategoryFeature, ...]


@dataclass(frozen=True)
class FeatureMap:
    """Turns raw fields into features; the package's graph does the same."""

    schema: Schema
    vocabulary: Vocabulary

    @cached_property
    def layout(self) -> Layout:
        """What the columns of the features are."""
        return Layout(
            tuple(
                NumberFeature(
                    name, self.schema.special_codes(name), self.schema.feature(name).monotone
                )
                for name in self.schema.number_features
            ),
            tuple(
                CategoryFeature(name, FIRST_LEVEL_CODE + len(levels))
                for name, levels in zip(
                    self.schema.category_features, self.vocabulary.levels, strict=True
                )
            ),
        )

    def __call__(self, applications: Applications) -> Features:
        return Features(
            number_features(self.schema, applications.numbers),
            self.vocabulary.encode(applications.categories),
        )


def number_features(schema: Schema, numbers: FloatArray) -> FloatArray:
    """Numeric inputs and derived columns [rows, number features] from raw number fields."""
    raw = {name: numbers[:, position] for position, name in enumerate(schema.number_fields)}
    operands: dict[str, FloatArray] = {
        name: _without_special_codes(schema, name, column) for name, column in raw.items()
    }
    for name, derived in schema.derived.items():
        operands[name] = np.broadcast_to(evaluate(derived.parsed, operands), len(numbers))
    columns = [
        operands[name] if name in schema.derived else raw[name] for name in schema.number_features
    ]
    return np.column_stack(columns) if columns else np.empty((len(numbers), 0))


def _without_special_codes(schema: Schema, name: str, column: FloatArray) -> FloatArray:
    codes = schema.special_codes(name)
    return np.where(np.isin(column, codes), np.nan, column) if codes else column


def from_fields(fields: Mapping[str, object], schema: Schema) -> Applications:
    """Raw fields of one application whose values are already checked and typed.

    Absent fields and None are missing.

    >>> schema = Schema.model_validate({"name": "tiny", "bad": {"target": "bad"}, "columns": {
    ...     "income": {"type": "number"}, "home": {"type": "category"}}})
    >>> from_fields({"home": "rent"}, schema)
    Applications(numbers=array([[nan]]), categories=array([['rent']], dtype=object))
    """
    return from_many([fields], schema)


def from_many(applications: Sequence[Mapping[str, object]], schema: Schema) -> Applications:
    """Raw fields of applications whose values are already checked and typed."""
    numbers = [
        [_number(fields.get(name)) for name in schema.number_fields] for fields in applications
    ]
    categories = [
        [fields.get(name) or MISSING for name in schema.category_fields] for fields in applications
    ]
    rows = len(applications)
    return Applications(
        np.array(numbers, dtype=np.float64).reshape(rows, len(schema.number_fields)),
        np.array(categories, dtype=object).reshape(rows, len(schema.category_fields)),
    )


def _number(value: object) -> float:
    if value is None:
        return np.nan
    if isinstance(value, date):
        return float((value - EPOCH).days)
    return float(value)  # type: ignore[arg-type]
