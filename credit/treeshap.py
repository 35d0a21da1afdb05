"""Exact path-dependent SHAP values of tree ensembles, in numpy.

Lundberg et al. (2020), From local explanations to global understanding with explainable AI for
trees, define them: a column that is left out of a coalition sends a row down both children, in
the shares of their covers. A leaf of value v whose path splits on d columns, column j passing a
share z_j of the cover and the row passing (o_j = 1) or not (0), then gives column i

    v (o_i - z_i) x integral over t from 0 to 1 of the product over j != i of t o_j + (1 - t) z_j,

for the integral weighs each coalition by Shapley's weights. Its integrand is a polynomial of
degree d - 1, on which Gauss and Legendre's rule with ceil(d / 2) nodes is exact.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray

SingleArray = NDArray[np.float32]
IndexArray = NDArray[np.int32]

# All rows at once would hold several numbers for each of rows x trees.
ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class Ensemble:
    """Binary trees over the columns of a matrix, their nodes in one row.

    A row goes left when its value is below the threshold, in single precision, or when it is
    missing and `missing_left` says so. A leaf is its own child. `cover` is the weight of the
    training rows at a node.
    """

    roots: IndexArray
    left: IndexArray
    right: IndexArray
    column: IndexArray
    threshold: SingleArray
    missing_left: NDArray[np.bool_]
    value: FloatArray
    cover: FloatArray

    def total(self, matrix: SingleArray) -> FloatArray:
        """The sum [rows] of the leaf values that each row reaches."""
        totals = np.empty(len(matrix))
        for start in range(0, len(matrix), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            totals[rows] = self._total(matrix[rows])
        return totals

    def _total(self, matrix: SingleArray) -> FloatArray:
        route = self._route
        # A gap goes right as infinity; for nodes where it goes left the columns stand there again.
        gaps = np.isnan(matrix)
        values = np.hstack([np.where(gaps, np.inf, matrix), np.where(gaps, -np.inf, matrix)])
        first = values.shape[1] * np.arange(len(matrix))[:, np.newaxis]
        column = self.column + matrix.shape[1] * self.missing_left
        node = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        for _ in range(self._depth):
            goes_right = values.take(first + column.take(node)) >= self.threshold.take(node)
            node = route.take(2 * node + goes_right)
        return np.asarray(self.value.take(node).sum(axis=1))

    @cached_property
    def _route(self) -> IndexArray:
        """The left and the right child of each node in turn."""
        return np.stack([self.left, self.right], axis=1).ravel()

    def attribute(self, row: SingleArray, owners: IndexArray, width: int) -> FloatArray:
        """SHAP values [width] of one row [columns], added up by the owner of each column."""
        passes = self._paths.passed_by(row)
        values = np.empty(len(passes))
        for group in self._paths.groups:
            values[group.span] = group.values(passes[group.span])
        sums = np.bincount(owners[self._paths.column], weights=values, minlength=width)
        return sums.astype(np.float64)

    @cached_property
    def _parent(self) -> IndexArray:
        parent = np.full(len(self.left), -1, dtype=np.int32)
        inner = np.flatnonzero(self.left != np.arange(len(self.left)))
        parent[self.left[inner]] = inner
        parent[self.right[inner]] = inner
        return parent

    @cached_property
    def _depth(self) -> int:
        node, depth = self._leaves, -1
        while len(node):
            node, depth = self._parent[node], depth + 1
            node = node[node >= 0]
        return depth

    @cached_property
    def _leaves(self) -> IndexArray:
        return np.flatnonzero(self.left == np.arange(len(self.left))).astype(np.int32)

    @cached_property
    def _paths(self) -> "_Paths":
        return _Paths.of(_conditions(self), self.value[self._leaves])


@dataclass(frozen=True)
class _Conditions:
    """What the path to a leaf asks of a column: low <= value < high, or missing where it may be.

    `share` is the share of the cover that goes on to the leaf at the column's splits.
    """

    leaf: IndexArray
    column: IndexArray
    low: SingleArray
    high: SingleArray
    missing: NDArray[np.bool_]
    share: FloatArray

    def __getitem__(self, chosen: NDArray[np.int64]) -> "_Conditions":
        return _Conditions(
            self.leaf[chosen],
            self.column[chosen],
            self.low[chosen],
            self.high[chosen],
            self.missing[chosen],
            self.share[chosen],
        )


def _conditions(trees: Ensemble) -> _Conditions:
    """One condition for each leaf and column of its path, in that order."""
    splits = _splits(trees)
    order = np.lexsort((splits.column, splits.leaf))
    splits = splits[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(splits.leaf) != 0) | (np.diff(splits.column) != 0)
    starts = np.flatnonzero(is_first)
    if len(starts) == 0:
        return splits
    return _Conditions(
        splits.leaf[starts],
        splits.column[starts],
        np.maximum.reduceat(splits.low, starts),
        np.minimum.reduceat(splits.high, starts),
        np.logical_and.reduceat(splits.missing, starts),
        np.multiply.reduceat(splits.share, starts),
    )


def _splits(trees: Ensemble) -> _Conditions:
    """One condition for each leaf and split above it, walking up from all leaves at once."""
    child, leaf = trees._leaves, np.arange(len(trees._leaves), dtype=np.int32)
    steps = []
    while len(child):
        parent = trees._parent[child]
        is_inner = parent >= 0
        child, leaf, parent = child[is_inner], leaf[is_inner], parent[is_inner]
        is_left = trees.left[parent] == child
        threshold = trees.threshold[parent]
        steps.append(
            _Conditions(
                leaf,
                trees.column[parent],
                np.where(is_left, np.float32(-np.inf), threshold),
                np.where(is_left, threshold, np.float32(np.inf)),
                trees.missing_left[parent] == is_left,
                trees.cover[child] / trees.cover[parent],
            )
        )
        child = parent
    return _Conditions(
        np.concatenate([step.leaf for step in steps]),
        np.concatenate([step.column for step in steps]),
        np.concatenate([step.low for step in steps]),
        np.concatenate([step.high for step in steps]),
        np.concatenate([step.missing for step in steps]),
        np.concatenate([step.share for step in steps]),
    )


@dataclass(frozen=True)
class _Group:
    """Leaves whose paths split on the same number of columns.

    share: [columns of a path, leaves]; nodes and weights of the rule on [0, 1];
    left_out: (1 - node) x share [nodes, columns of a path, leaves];
    weighted: weight x leaf value [nodes, leaves].
    """

    span: slice
    share: FloatArray
    nodes: FloatArray
    left_out: FloatArray
    weighted: FloatArray

    @classmethod
    def of(cls, start: int, share: FloatArray, value: FloatArray) -> "_Group":
        nodes, weights = np.polynomial.legendre.leggauss((len(share) + 1) // 2)
        nodes, weights = (nodes + 1) / 2, weights / 2
        return cls(
            slice(start, start + share.size),
            share,
            nodes,
            (1 - nodes)[:, np.newaxis, np.newaxis] * share,
            weights[:, np.newaxis] * value,
        )

    def values(self, passes: NDArray[np.bool_]) -> FloatArray:
        """SHAP values, flat as the conditions are."""
        passed = passes.reshape(self.share.shape).astype(np.float64)
        factors = self.nodes[:, np.newaxis, np.newaxis] * passed
        factors += self.left_out
        product = np.multiply.reduce(factors, axis=1)
        product *= self.weighted
        np.divide(product[:, np.newaxis], factors, out=factors)
        integral = np.add.reduce(factors, axis=0)
        passed -= self.share
        passed *= integral
        return passed.ravel()


@dataclass(frozen=True)
class _Paths:
    """All conditions, those of a group side by side, and the groups."""

    column: IndexArray
    low: SingleArray
    high: SingleArray
    missing: NDArray[np.bool_]
    groups: tuple[_Group, ...]

    @classmethod
    def of(cls, conditions: _Conditions, value: FloatArray) -> "_Paths":
        lengths = np.bincount(conditions.leaf, minlength=len(value))
        firsts = np.cumsum(lengths) - lengths
        groups, chosen, start = [], [np.empty(0, dtype=np.int64)], 0
        for length in np.unique(lengths[lengths > 0]).tolist():
            leaves = np.flatnonzero(lengths == length)
            indices = firsts[leaves] + np.arange(length)[:, np.newaxis]
            groups.append(_Group.of(start, conditions.share[indices], value[leaves]))
            chosen.append(indices.ravel())
            start += indices.size
        ordered = conditions[np.concatenate(chosen)]
        return cls(ordered.column, ordered.low, ordered.high, ordered.missing, tuple(groups))

    def passed_by(self, row: SingleArray) -> NDArray[np.bool_]:
        """Whether the row meets each condition."""
        value = row[self.column]
        passes = (value >= self.low) & (value < self.high)
        gaps = np.isnan(row)
        if gaps.any():
            passes |= gaps[self.column] & self.missing
        return passes
