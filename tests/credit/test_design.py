"""The matrices that models are fitted on."""

import tracemalloc

import numpy as np
import onnxruntime as ort

from credit.design import ROWS_AT_ONCE, ScaledDesign, TreeDesign
from credit.features import CategoryFeature, Features, Layout, NumberFeature
from credit.graph import Graph
from credit.models.design import FeatureTensors, emit_scaled_design

LAYOUT = Layout((NumberFeature("delay", (-9.0,), None), NumberFeature("income", (), None)), ())


def features(rows: int = 2000) -> Features:
    """One row in 400 has the special code, and incomes have gaps and outliers."""
    draw = np.random.default_rng(0)
    delay = np.where(np.arange(rows) % 400 == 0, -9.0, draw.integers(0, 5, rows))
    income = draw.lognormal(10, 2, rows)
    income[::7] = np.nan
    return Features(np.column_stack([delay, income]), np.empty((rows, 0), dtype=np.int64))


def test_a_rare_special_code_is_kept_while_outliers_are_cut():
    rows = features()
    matrix = ScaledDesign.fit(LAYOUT, rows).matrix(rows)
    delay, income, is_nine = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    assert np.unique(is_nine).size == 2
    assert is_nine[0] > 19
    assert (income == income.max()).sum() == 9  # the 0.5% of 1,714 known values above the cut
    assert np.isfinite(delay).all()


def test_every_column_has_mean_zero_and_variance_one():
    rows = features()
    matrix = ScaledDesign.fit(LAYOUT, rows).matrix(rows)
    np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(matrix.std(axis=0), 1, atol=1e-9)


def test_the_graph_computes_the_same_matrix():
    rows = features()
    design = ScaledDesign.fit(LAYOUT, rows)
    graph = Graph()
    numbers = graph.input("numbers", ("rows", 2))
    output = graph.named("matrix", emit_scaled_design(graph, design, FeatureTensors(numbers, "")))
    session = ort.InferenceSession(graph.build(output, ("rows", 5)))
    (served,) = session.run(["matrix"], {"numbers": rows.numbers})
    np.testing.assert_allclose(served, design.matrix(rows), atol=1e-12)


def test_a_long_matrix_is_that_of_its_parts():
    rows = features(2 * ROWS_AT_ONCE + 1)
    design = ScaledDesign.fit(LAYOUT, rows)
    for each in (design, design.tree):
        parts = [each.matrix(rows[start : start + 1000]) for start in range(0, len(rows), 1000)]
        np.testing.assert_array_equal(each.matrix(rows), np.concatenate(parts))


def test_many_levels_are_encoded_without_holding_the_matrix_several_times():
    layout = Layout(LAYOUT.numbers, (CategoryFeature("dealer", 300),))
    numbers = features(5 * ROWS_AT_ONCE).numbers
    rows = Features(numbers, np.arange(len(numbers), dtype=np.int64)[:, np.newaxis] % 300)
    tracemalloc.start()
    size = TreeDesign.of(layout).matrix(rows).nbytes
    encoding = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    ScaledDesign.fit(layout, rows)
    fitting = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert encoding < 2 * size
    assert fitting < 2.5 * size
