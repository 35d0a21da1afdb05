"""SHAP values of trees against the definition, by hand and by enumeration."""

import tracemalloc
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.treeshap import ROWS_AT_ONCE, Ensemble

WIDTH = 4
OWNERS = np.arange(WIDTH, dtype=np.int32)


def ensemble(*trees: tuple) -> Ensemble:
    """Trees written as (column, threshold, missing_left, left, right) or (value, cover)."""
    nodes: list[list[float]] = []

    def add(tree) -> tuple[int, float]:
        position = len(nodes)
        nodes.append([])
        if len(tree) == 2:
            nodes[position] = [position, position, 0, 0.0, 0, tree[0], tree[1]]
            return position, tree[1]
        column, threshold, missing_left, left, right = tree
        (left, left_cover), (right, right_cover) = add(left), add(right)
        cover = left_cover + right_cover
        nodes[position] = [left, right, column, threshold, missing_left, 0.0, cover]
        return position, cover

    roots = [add(tree)[0] for tree in trees]
    left, right, column, threshold, missing_left, value, cover = np.array(nodes).T
    return Ensemble(
        np.array(roots, dtype=np.int32),
        left.astype(np.int32),
        right.astype(np.int32),
        column.astype(np.int32),
        threshold.astype(np.float32),
        missing_left.astype(bool),
        value,
        cover,
    )


def row(*values: float) -> np.ndarray:
    return np.array([*values, *[0.0] * (WIDTH - len(values))], dtype=np.float32)


def attribute(trees: Ensemble, values: np.ndarray) -> list[float]:
    return trees.attribute(values, OWNERS, WIDTH).round(12).tolist()


BOTH = (0, 1.0, False, (0.0, 2.0), (1, 1.0, True, (0.0, 1.0), (4.0, 1.0)))


def test_one_split_gives_its_column_the_difference_from_the_mean():
    trees = ensemble((2, 0.5, False, (0.0, 3.0), (8.0, 1.0)))
    assert attribute(trees, row(0, 0, 1)) == [0, 0, 6, 0]
    assert attribute(trees, row(0, 0, 0)) == [0, 0, -2, 0]


def test_two_columns_that_are_both_needed_share_alike():
    assert attribute(ensemble(BOTH), row(1, 1)) == [1.5, 1.5, 0, 0]


def test_a_row_at_a_threshold_goes_right_and_a_gap_where_the_split_says():
    trees = ensemble(BOTH)
    gap = np.nan
    rows = np.array([row(1, 1), row(0.999, 1), row(gap, 1), row(1, gap), row(gap, gap)])
    assert trees.total(rows).tolist() == [4, 0, 4, 0, 0]
    # Without the second column the mean is 2 of 4, and without both it is 1.
    assert attribute(trees, row(gap, gap)) == [0.5, -1.5, 0, 0]


def test_splits_of_one_column_count_as_one():
    trees = ensemble((0, 1.0, False, (1.0, 1.0), (0, 2.0, False, (2.0, 1.0), (6.0, 2.0))))
    mean = (1 + 2 + 12) / 4
    for value, reached in [(0, 1), (1.5, 2), (3, 6)]:
        assert attribute(trees, row(value)) == [reached - mean, 0, 0, 0]


def test_a_tree_of_one_leaf_says_nothing_of_any_column():
    trees = ensemble((0.3, 5.0), BOTH)
    assert attribute(trees, row(1, 1)) == [1.5, 1.5, 0, 0]
    assert trees.total(row(1, 1)[np.newaxis]).tolist() == [4.3]
    only_leaf = ensemble((0.3, 5.0))
    assert attribute(only_leaf, row(1, 1)) == [0, 0, 0, 0]
    assert only_leaf.total(row(1)[np.newaxis]).tolist() == [0.3]


def test_columns_are_added_up_by_their_owner():
    owners = np.array([1, 1, 0, 0], dtype=np.int32)
    assert ensemble(BOTH).attribute(row(1, 1), owners, 2).tolist() == [0, 3]


@st.composite
def grown(draw, depth: int = 4):
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return (draw(st.floats(-5, 5)), float(draw(st.integers(1, 50))))
    return (
        draw(st.integers(0, WIDTH - 1)),
        float(draw(st.integers(-2, 2))),
        draw(st.booleans()),
        draw(grown(depth=depth - 1)),
        draw(grown(depth=depth - 1)),
    )


VALUES = st.lists(
    st.sampled_from([-3.0, -1.5, -1.0, 0.0, 0.5, 2.0, np.nan]), min_size=WIDTH, max_size=WIDTH
)


@settings(max_examples=60, deadline=None)
@given(st.lists(grown(), min_size=1, max_size=3), VALUES)
def test_values_are_those_of_shapleys_formula(trees, values):
    expected = np.zeros(WIDTH)
    for column in range(WIDTH):
        others = [other for other in range(WIDTH) if other != column]
        for size in range(WIDTH):
            weight = factorial(size) * factorial(WIDTH - size - 1) / factorial(WIDTH)
            for known in combinations(others, size):
                joined = [mean(tree, values, {*known, column}) for tree in trees]
                apart = [mean(tree, values, {*known}) for tree in trees]
                expected[column] += weight * (sum(joined) - sum(apart))
    found = ensemble(*trees).attribute(row(*values), OWNERS, WIDTH)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    total = sum(mean(tree, values, set(range(WIDTH))) for tree in trees)
    assert ensemble(*trees).total(row(*values)[np.newaxis])[0] == pytest.approx(total)


def mean(tree, values, known) -> float:
    """What the tree gives when a column that is not known sends the row down both children."""
    if len(tree) == 2:
        return tree[0]
    column, threshold, missing_left, left, right = tree
    value = values[column]
    if column in known:
        goes_left = missing_left if np.isnan(value) else value < threshold
        return mean(left if goes_left else right, values, known)
    covers = cover(left), cover(right)
    means = mean(left, values, known), mean(right, values, known)
    return (covers[0] * means[0] + covers[1] * means[1]) / sum(covers)


def cover(tree) -> float:
    return tree[1] if len(tree) == 2 else cover(tree[3]) + cover(tree[4])


def test_a_total_costs_no_more_memory_for_more_rows():
    trees = ensemble(*[BOTH] * 200)
    matrix = np.random.default_rng(5).normal(size=(20 * ROWS_AT_ONCE + 1, WIDTH))
    tracemalloc.start()
    totals = trees.total(matrix.astype(np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert totals[[0, -1]].tolist() == [
        200 * 4.0 * bool((row >= 1).all()) for row in matrix[[0, -1], :2]
    ]
    assert peak < 40 * 200 * ROWS_AT_ONCE
