"""The graph computes what numpy computes."""

import numpy as np
import onnxruntime as ort
from hypothesis import given
from hypothesis import strategies as st

from credit.expressions import FUNCTIONS, evaluate, parse
from credit.graph import Graph

NAMES = ("a", "b", "c")
VALUES = st.one_of(
    st.just(float("nan")),
    st.just(0.0),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-100, 100).map(float),
)


def expressions() -> st.SearchStrategy[str]:
    leaves = st.one_of(st.sampled_from(NAMES), st.floats(0, 1e6).map(repr))

    def compound(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(part, st.sampled_from("+-*/"), part).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        )
        negated = part.map(lambda p: f"(-{p})")
        calls = [
            st.lists(part, min_size=fewest, max_size=min(most, 4)).map(
                lambda parts, name=name: f"{name}({', '.join(parts)})"
            )
            for name, (fewest, most) in FUNCTIONS.items()
        ]
        return st.one_of(pair, negated, *calls)

    # Every expression reads a column, as the spec demands.
    return st.recursive(leaves, compound, max_leaves=8).map(lambda text: f"(a + 0 * a) - ({text})")


def run(text: str, values: dict[str, np.ndarray]) -> np.ndarray:
    graph = Graph()
    matrix = graph.input("numbers", ("rows", len(NAMES)))
    operands = {name: graph.columns(matrix, [position]) for position, name in enumerate(NAMES)}
    output = graph.named("result", graph.expression(parse(text), operands))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(graph.build(output, ("rows", 1)), options)
    (result,) = session.run(["result"], {"numbers": np.column_stack(list(values.values()))})
    return result[:, 0]


@given(expressions(), st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=5))
def test_an_expression_gives_the_same_bits_in_numpy_and_in_the_graph(text, rows):
    values = dict(zip(NAMES, np.array(rows).T, strict=True))
    expected = np.broadcast_to(evaluate(parse(text), values), len(rows))
    np.testing.assert_array_equal(run(text, values), expected)


def test_zero_missing_and_overflow_have_decided_answers():
    nan = np.nan
    values = {
        "a": np.array([1.0, 0.0, nan, 1e308, 5.0]),
        "b": np.array([0.0, 0.0, 2.0, 10.0, nan]),
        "c": np.array([7.0, nan, 3.0, 1.0, 1.0]),
    }
    cases = {
        "a / b": [nan, nan, nan, 1e307, nan],
        "a * b": [0.0, 0.0, nan, nan, nan],
        "1 / (a * b)": [nan, nan, nan, nan, nan],
        "max(a, b)": [1.0, 0.0, 2.0, 1e308, 5.0],
        "min(a, b, c)": [0.0, 0.0, 2.0, 1.0, 1.0],
        "coalesce(b, c)": [0.0, 0.0, 2.0, 10.0, 1.0],
        "abs(b - c)": [7.0, nan, 1.0, 9.0, nan],
    }
    for text, expected in cases.items():
        np.testing.assert_array_equal(evaluate(parse(text), values), expected, err_msg=text)
        np.testing.assert_array_equal(run(text, values), expected, err_msg=text)


def test_equal_constants_are_kept_once_and_the_bytes_are_stable():
    def build() -> bytes:
        graph = Graph()
        start = graph.input("a", ("rows", 1))
        total = graph.add("Add", graph.add("Mul", start, graph.number(2.0)), graph.number(2.0))
        return graph.build(graph.named("result", total), ("rows", 1))

    assert build() == build()
    assert build().count(b"constant_0") > 1
    assert b"constant_1" not in build()
