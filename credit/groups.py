"""Groups of applicants by protected columns, and by pairs of them, for the audit of fairness.

Groups are never an input of a model or a decision: they are looked at afterwards.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import EPOCH
from credit.spec import Column, Schema, level_text

NOT_STATED = "not stated"
MOST_LEVELS = 20
MOST_VALUES = 10


class GroupError(ValueError):
    """A spec names a reference group that a protected column does not have."""


@dataclass(frozen=True)
class Groups:
    """The group of each row by one protected column or by a pair of them.

    names: the groups in the order of the spec, `NOT_STATED` last when some row has no value.
    codes: int64 [rows], positions in `names`.
    references: the groups that may be the reference, the largest of them is; empty: any group.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    references: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> "Groups":
        return Groups(self.names, self.codes[rows], self.references)

    @property
    def labels(self) -> NDArray[np.object_]:
        """The name of each row's group [rows]."""
        return np.array(self.names, dtype=object)[self.codes]

    @property
    def rows(self) -> NDArray[np.int64]:
        """How many rows each group has [groups]."""
        return np.bincount(self.codes, minlength=len(self.names))

    @property
    def stated(self) -> NDArray[np.bool_]:
        """Which groups are of a stated value [groups]."""
        return np.array([name != NOT_STATED for name in self.names], dtype=bool)

    @property
    def reference(self) -> int | None:
        """Position of the group that others are compared with; None when it has no rows."""
        may_be = np.isin(self.names, self.references) if self.references else self.stated
        rows = np.where(may_be, self.rows, 0)
        return int(np.argmax(rows)) if rows.any() else None


def protected_groups(rows: pd.DataFrame, schema: Schema) -> dict[str, Groups]:
    """The groups of validated rows by each protected column.

    A number is cut at the column's `groups`; without them each of up to ten values is a group, and
    more are cut at their quartiles. A category has a group for each level, and beyond the twenty
    most frequent levels one for all others. Special codes and missing values are groups of their
    own. Give all rows at once and take parts of the result, so that all parts have the same groups.

    Raises:
        GroupError: a column's reference group is not among its groups.

    >>> schema = Schema.model_validate({"name": "tiny", "bad": {"target": "bad"}, "columns": {
    ...     "income": {"type": "number"},
    ...     "age": {"type": "integer", "role": "protected", "groups": [25, 60],
    ...             "reference_group": "25"}}})
    >>> groups = protected_groups(pd.DataFrame({"age": [24, 25, 60, None]}), schema)
    >>> groups["age"].labels.tolist()
    ['below 25', '25 to below 60', '60 or more', 'not stated']
    >>> groups["age"].references
    ('25 to below 60',)
    """
    return {
        name: column_groups(rows[name], name, column) for name, column in schema.protected.items()
    }


def pairs(groups: Mapping[str, Groups]) -> dict[str, Groups]:
    """The intersections of each pair of columns, named "one and other".

    Three columns at once are left out: most of such groups are too small to say anything about.
    A row with a missing value on either side is `NOT_STATED`.
    """
    return {
        f"{one} and {other}": cross(groups[one], groups[other])
        for one, other in combinations(groups, 2)
    }


def cross(one: Groups, other: Groups) -> Groups:
    """The intersections of two columns, named "one / other"."""
    names = [f"{a} / {b}" for a in one.names for b in other.names]
    stated = np.outer(one.stated, other.stated).ravel()
    places = np.where(stated, np.cumsum(stated) - 1, stated.sum())
    kept = [name for name, is_stated in zip(names, stated, strict=True) if is_stated]
    pair = one.codes * len(other.names) + other.codes
    names_kept = tuple(kept) if stated[pair].all() else (*kept, NOT_STATED)
    return Groups(names_kept, places[pair], _pair_references(one, other))


def _pair_references(one: Groups, other: Groups) -> tuple[str, ...]:
    """The pairs of reference groups; a column without one may have any group at its side."""
    if not one.references and not other.references:
        return ()
    return tuple(
        f"{a} / {b}"
        for a in one.references or one.names
        for b in other.references or other.names
        if NOT_STATED not in (a, b)
    )


@dataclass(frozen=True)
class _Named:
    """The group of each distinct value, of which distinct value each row is, and all groups.

    order: the groups in the order of the spec.
    keys: the group that a reference group of the spec means.
    """

    texts: list[str]
    rows: NDArray[np.int64]
    order: list[str]
    keys: dict[str, str]


def column_groups(values: pd.Series, name: str, column: Column) -> Groups:
    """The groups of one protected column by its validated values [rows].

    Raises:
        GroupError: the reference group is not among its groups.
    """
    named = _of_numbers(values, column) if column.is_number else _of_levels(values, column)
    order = [group for group in named.order if group != NOT_STATED]
    position = {group: place for place, group in enumerate(order)}
    places = np.array([position.get(text, len(order)) for text in named.texts], dtype=np.int64)
    codes = places[named.rows]
    references = _stated_reference(name, column, order, named.keys)
    names = (*order, NOT_STATED) if (codes == len(order)).any() else tuple(order)
    return Groups(names, codes, references)


def _stated_reference(
    name: str, column: Column, order: list[str], keys: Mapping[str, str]
) -> tuple[str, ...]:
    wanted = level_text(column.reference_group)
    if not wanted:
        return ()
    group = keys.get(wanted, wanted)
    if group not in order:
        raise GroupError(
            f"{name}: reference_group {wanted!r} is not one of its groups; "
            f"it has {', '.join(repr(key) for key in keys) or 'none'}"
        )
    return (group,)


def _of_levels(values: pd.Series, column: Column) -> _Named:
    rows, distinct = pd.factorize(values)  # -1 for missing, which takes the text put last
    texts = [level_text(value) for value in distinct]
    counts: Counter[str] = Counter()
    for text, count in zip(texts, np.bincount(rows[rows >= 0], minlength=len(texts)), strict=True):
        counts[text] += int(count)
    levels = list(column.levels or sorted(counts.keys() - {""}))
    kept = set(sorted(levels, key=lambda level: (-counts[level], level))[:MOST_LEVELS])
    labels = _unique_labels(column.levels or dict.fromkeys(levels, ""))
    others = f"{len(levels) - len(kept)} other levels"
    group = {level: labels[level] if level in kept else others for level in levels}
    order = list(dict.fromkeys(group[level] for level in levels if level in kept))
    order += [others] if len(kept) < len(levels) else []
    named = [group.get(text, NOT_STATED) for text in texts]
    return _Named([*named, NOT_STATED], rows, order, group)


def _unique_labels(levels: Mapping[str, str]) -> dict[str, str]:
    """The label of each level, with the level itself where the label is not its own."""
    counts = Counter(levels.values())
    return {
        level: level if not label else label if counts[label] == 1 else f"{label} ({level})"
        for level, label in levels.items()
    }


def _of_numbers(values: pd.Series, column: Column) -> _Named:
    numbers = _numbers(values, column)
    special = np.isin(numbers, list(column.special))
    known = numbers[~np.isnan(numbers) & ~special]
    distinct = np.unique(known)
    if not column.groups and len(distinct) <= MOST_VALUES:
        names = {float(value): _text(value, column) for value in distinct}
        keys = {text: text for text in names.values()}
    else:
        bounds = np.array(column.groups or _quartiles(known))
        keys = _bands(bounds, column)
        bands = list(keys.values())
        places = np.searchsorted(bounds, distinct, side="right")
        names = {float(v): bands[place] for v, place in zip(distinct, places, strict=True)}
    labels = {code: label or _text(code, column) for code, label in column.special.items()}
    order = list(dict.fromkeys([*keys.values(), *labels.values()]))
    names |= labels
    every, rows = np.unique(numbers, return_inverse=True)
    return _Named([names.get(value, NOT_STATED) for value in every.tolist()], rows, order, keys)


def _numbers(values: pd.Series, column: Column) -> FloatArray:
    if column.type == "date":
        days = values.to_numpy(dtype="datetime64[D]")
        return np.where(np.isnat(days), np.nan, days.astype(np.int64))
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _quartiles(known: FloatArray) -> FloatArray:
    return np.unique(np.quantile(known, [0.25, 0.5, 0.75], method="higher"))


def _bands(bounds: FloatArray, column: Column) -> dict[str, str]:
    """Lowest value -> band; the lowest band also goes by the lowest value that may occur."""
    texts = [_text(bound, column) for bound in bounds]
    lowest = column.range[0]
    first = "" if lowest is None else level_text(lowest)
    bands = {first: f"below {texts[0]}"}
    for low, high in pairwise(texts):
        bands[low] = f"{low} to below {high}"
    return bands | {texts[-1]: f"{texts[-1]} or more"}


def _text(number: float, column: Column) -> str:
    if column.type == "date":
        return (EPOCH + timedelta(days=int(number))).isoformat()
    return f"{number:.15g}"
