"""From raw fields to what a model reads: one definition for training, serving and reasons."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray, evaluate
from credit.spec import Direction, Schema

if TYPE_CHECKING:  # a service starts sooner without it
    import pandas as pd

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

    def followed_by(self, others: "Applications") -> "Applications":
        """These rows, then the others."""
        return Applications(
            np.concatenate([self.numbers, others.numbers]),
            np.concatenate([self.categories, others.categories]),
        )


def from_frame(rows: "pd.DataFrame", schema: Schema) -> Applications:
    """Raw fields of validated rows."""
    numbers = np.empty((len(rows), len(schema.number_fields)))
    for position, name in enumerate(schema.number_fields):
        is_date = schema.columns[name].type == "date"
        numbers[:, position] = _days(rows[name]) if is_date else rows[name]
    categories = np.empty((len(rows), len(schema.category_fields)), dtype=object)
    for position, name in enumerate(schema.category_fields):
        categories[:, position] = rows[name].where(rows[name].notna(), MISSING)
    return Applications(numbers, categories)


def _days(dates: "pd.Series") -> FloatArray:
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

    def followed_by(self, others: "Features") -> "Features":
        """These rows, then the others."""
        return Features(
            np.concatenate([self.numbers, others.numbers]),
            np.concatenate([self.codes, others.codes]),
        )


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

    @cached_property
    def _numbers(self) -> "NumberFeatures":
        return NumberFeatures(self.schema)

    def __call__(self, applications: Applications) -> Features:
        return Features(
            self._numbers(applications.numbers), self.vocabulary.encode(applications.categories)
        )


class Operands:
    """What expressions read: columns without special codes, and derived columns."""

    def __init__(self, schema: Schema, names: Collection[str]):
        """Those of `names`, and whatever the derived ones among them are made of."""
        needed = set(names)
        for name, derived in reversed(schema.derived.items()):
            if name in needed:
                needed |= derived.parsed.names
        self._derived = [(n, d.parsed) for n, d in schema.derived.items() if n in needed]
        self._names = [name for name in schema.number_fields if name in needed]
        positions = [schema.number_fields.index(name) for name in self._names]
        self._positions = np.array(positions, dtype=np.int64)
        self._codes = _special_codes(schema, self._names)

    def __call__(self, numbers: FloatArray) -> dict[str, FloatArray]:
        """Name -> [rows], from raw number fields [rows, number fields]."""
        read = numbers[:, self._positions]
        for codes in self._codes:
            read = np.where(read == codes, np.nan, read)
        values: dict[str, FloatArray] = dict(zip(self._names, read.T, strict=True))
        for name, expression in self._derived:
            value = evaluate(expression, values)
            values[name] = value if value.shape else np.full(len(numbers), value)
        return values


def _special_codes(schema: Schema, names: list[str]) -> FloatArray:
    """Special codes [most codes of a column, columns], filled up with NaN, which equals nothing."""
    codes = [schema.special_codes(name) for name in names]
    filled = np.full((max(map(len, codes), default=0), len(names)), np.nan)
    for position, of_column in enumerate(codes):
        filled[: len(of_column), position] = of_column
    return filled


class NumberFeatures:
    """Numeric inputs, then derived columns, from raw number fields."""

    def __init__(self, schema: Schema):
        inputs = [name for name in schema.number_features if name not in schema.derived]
        positions = [schema.number_fields.index(name) for name in inputs]
        self._positions = np.array(positions, dtype=np.int64)
        self._derived = schema.number_features[len(inputs) :]
        self._operands = Operands(schema, self._derived)

    def __call__(self, numbers: FloatArray) -> FloatArray:
        """[rows, number features], special codes of inputs still in place."""
        inputs = len(self._positions)
        features = np.empty((len(numbers), inputs + len(self._derived)))
        features[:, :inputs] = numbers[:, self._positions]
        operands = self._operands(numbers)
        for position, name in enumerate(self._derived, inputs):
            features[:, position] = operands[name]
        return features


def number_features(schema: Schema, numbers: FloatArray) -> FloatArray:
    """Numeric inputs and derived columns [rows, number features] from raw number fields."""
    return NumberFeatures(schema)(numbers)


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
    names, dates = schema.number_fields, schema.date_positions
    numbers = [[fields.get(name) for name in names] for fields in applications]
    for row in numbers if dates else ():
        for position in dates:
            row[position] = _day(row[position])
    categories = [
        [fields.get(name) or MISSING for name in schema.category_fields] for fields in applications
    ]
    rows = len(applications)
    return Applications(
        np.array(numbers, dtype=np.float64).reshape(rows, len(names)),  # None becomes NaN
        np.array(categories, dtype=object).reshape(rows, len(schema.category_fields)),
    )


def _day(value: object) -> object:
    return (value - EPOCH).days if isinstance(value, date) else value
