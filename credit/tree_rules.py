"""The leaves of a shallow decision tree as rules that people can read and that pick the same rows.

A rule is made of its words: thresholds are rounded first, as far as the rows allow, and what is
measured is what the rounded rule picks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from credit.design import TreeDesign
from credit.expressions import FloatArray
from credit.features import FeatureMap, Features
from credit.partition import code_labels, number_text, special_meanings

MOST_DIGITS = 17


@dataclass(frozen=True)
class Condition:
    """What a rule asks of one column of the design: low <= x < high, or, if `absent`, no number."""

    column: int
    low: float = -np.inf
    high: float = np.inf
    absent: bool = True

    def holds(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether it holds for each value."""
        missing = np.isnan(values)
        return np.where(missing, self.absent, (values >= self.low) & (values < self.high))


@dataclass(frozen=True)
class Words:
    """What a column of the design is called.

    level: for an indicator, the special code or level that it stands for.
    absent: what a number is when it is none ("missing", "a special code"); empty if that is never.
    """

    name: str
    level: str = ""
    absent: str = ""

    def say(self, condition: Condition) -> str:
        """The condition in words."""
        if self.level:
            return f"{self.name} is {'' if condition.low > 0 else 'not '}{self.level}"
        if condition.low == np.inf:
            return f"{self.name} is {self.absent}"
        if condition.high == np.inf and condition.low == -np.inf:
            return f"{self.name} is not {self.absent}"
        tail = f" (or {self.absent})" if condition.absent and self.absent else ""
        return self._range(condition) + tail

    def _range(self, condition: Condition) -> str:
        low, high = number_text(condition.low), number_text(condition.high)
        if condition.low == -np.inf:
            return f"{self.name} < {high}"
        if condition.high == np.inf:
            return f"{self.name} >= {low}"
        return f"{low} <= {self.name} < {high}"


@dataclass(frozen=True)
class Rule:
    """Conditions that all hold, in the order of the columns; none means all rows."""

    design: TreeDesign
    conditions: tuple[Condition, ...]
    text: str

    def picks(self, features: Features) -> NDArray[np.bool_]:
        """Which rows the rule picks."""
        matrix = self.design.matrix(features)
        picked = np.ones(len(matrix), dtype=bool)
        for condition in self.conditions:
            picked &= condition.holds(matrix[:, condition.column])
        return picked


def leaves(
    tree: DecisionTreeRegressor, feature_map: FeatureMap, features: Features, target: FloatArray
) -> tuple[Rule, ...]:
    """Fit a tree on features and a target [rows]; its leaves, from left to right."""
    design = TreeDesign.of(feature_map.layout)
    matrix = design.matrix(features)
    with np.errstate(over="ignore", invalid="ignore"):  # it adds all values up to find gaps
        grown = tree.fit(matrix, target).tree_
    words = _words(feature_map, features)

    def walk(node: int, path: dict[int, Condition]) -> Iterator[Rule]:
        if grown.children_left[node] < 0:
            conditions = tuple(path[column] for column in sorted(path))
            text = " and ".join(words[each.column].say(each) for each in conditions)
            yield Rule(design, conditions, text or "all rows")
            return
        column = int(grown.feature[node])
        cut = round_cut(matrix[:, column], float(grown.threshold[node]))
        missing_left = bool(grown.missing_go_to_left[node])
        so_far = path.get(column, Condition(column))
        left = replace(so_far, high=min(so_far.high, cut), absent=so_far.absent and missing_left)
        right = replace(so_far, low=max(so_far.low, cut), absent=so_far.absent and not missing_left)
        yield from walk(int(grown.children_left[node]), {**path, column: left})
        yield from walk(int(grown.children_right[node]), {**path, column: right})

    return tuple(walk(0, {}))


def round_cut(values: FloatArray, threshold: float) -> float:
    """The shortest number that parts values [rows] as the tree's threshold does.

    The tree compares single-precision values with its threshold and sends what is not above left;
    a rule sends what is below its cut left.

    >>> round_cut(np.array([0.512, 0.7731, 0.8412]), 0.80715)
    0.8
    >>> round_cut(np.array([1.0, 2.0, 3.0]), 2.5)
    3.0
    """
    if not np.isfinite(threshold):
        return threshold
    goes_left = values.astype(np.float32) <= threshold
    below, above = values[goes_left].max(), values[~goes_left & ~np.isnan(values)].min()
    if above - below == 1 and float(above).is_integer():
        return float(above)
    middle = below / 2 + above / 2
    for digits in range(1, MOST_DIGITS):
        cut = float(f"{middle:.{digits}g}")
        if below < cut <= above:
            return cut
    return float(above)


def _words(feature_map: FeatureMap, features: Features) -> list[Words]:
    """What the columns of the design are called, in their order."""
    schema, design = feature_map.schema, TreeDesign.of(feature_map.layout)
    numbers = [
        Words(name, absent=_absent(values, bool(special_meanings(schema, name))))
        for name, values in zip(schema.number_features, features.numbers.T, strict=True)
    ]
    codes = [
        Words(name, level=f"{special_meanings(schema, name)[code]} ({code:g})")
        for name, code in (
            (schema.number_features[position], code)
            for position, code in zip(design.special.positions, design.special.values, strict=True)
        )
    ]
    labels = [
        code_labels(feature_map, position) for position in range(len(schema.category_features))
    ]
    levels = [
        Words(schema.category_features[position], level=labels[position][code])
        for position, code in zip(design.one_hot.positions, design.one_hot.values, strict=True)
    ]
    return [*numbers, *codes, *levels]


def _absent(values: FloatArray, has_codes: bool) -> str:
    kinds = ["missing"] if np.isnan(values).any() else []
    return " or ".join([*kinds, "a special code"] if has_codes else kinds)
