"""Bins of numbers and codes, and what they are called."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from credit.features import FeatureMap, Vocabulary
from credit.partition import NumberPartition, code_labels, number_text
from credit.spec import Schema


def test_without_edges_there_is_one_bin():
    bins = NumberPartition(np.empty(0), {})
    assert bins.labels == ("missing", "any value")
    assert bins.counts(np.array([np.nan, 1.0, 2.0])).tolist() == [1.0, 2.0]


def test_a_special_code_is_not_a_number_of_its_neighbourhood():
    bins = NumberPartition(np.array([0.0]), {-1.0: "never", -9.0: "unknown"})
    assert bins.labels == ("missing", "unknown (-9)", "never (-1)", "below 0", "0 or more")
    assert bins.index(np.array([-9.0, -1.0, -2.0, 0.0])).tolist() == [1, 2, 3, 4]


@given(
    st.lists(st.floats(allow_infinity=False, width=32), min_size=1),
    st.lists(st.floats(-1e6, 1e6), max_size=8, unique=True),
)
def test_every_value_has_one_bin(values, edges):
    bins = NumberPartition(np.sort(np.array(edges, dtype=float)), {-9.0: "unknown"})
    counts = bins.counts(np.array(values, dtype=float))
    assert len(counts) == len(bins.labels)
    assert counts.sum() == len(values)


def test_codes_are_called_by_the_words_of_the_spec():
    schema = Schema.model_validate(
        {
            "name": "tiny",
            "bad": {"target": "bad"},
            "columns": {"home": {"type": "category", "levels": {"1": "owned", "2": None}}},
        }
    )
    feature_map = FeatureMap(schema, Vocabulary((("1", "2"),)))
    assert code_labels(feature_map, 0) == ("missing", "any other level", "owned", "2")


def test_numbers_are_short():
    assert number_text(1e18) == "1e+18"
    assert number_text(0.00001234567) == "1.23457e-05"
    assert number_text(1234.5678) == "1,234.57"
    assert number_text(-3.0) == "-3"
