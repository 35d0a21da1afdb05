"""From a fitted model to the package's graph: raw fields in, probability of default out."""

import numpy as np
from onnx import TensorProto

from credit.calibration import Calibrator, emit_probability
from credit.features import OTHER_CODE, FeatureMap
from credit.graph import ML, Graph
from credit.models.design import FeatureTensors
from credit.models.family import Model
from credit.scoring import CATEGORIES, NUMBERS, PROBABILITY


def export(feature_map: FeatureMap, model: Model, calibrator: Calibrator) -> bytes:
    """The whole way from `numbers` and `categories` to `probability_of_default` [rows]."""
    graph = Graph()
    tensors = FeatureTensors(_emit_numbers(graph, feature_map), _emit_codes(graph, feature_map))
    probability = emit_probability(graph, calibrator, model.emit(graph, tensors))
    flat = graph.add("Reshape", probability, graph.constant(np.array([-1], dtype=np.int64)))
    return graph.build(graph.named(PROBABILITY, flat), ("rows",))


def _emit_numbers(graph: Graph, feature_map: FeatureMap) -> str:
    """Number features: raw ones as they are, then derived ones over raw ones without codes."""
    schema = feature_map.schema
    if not schema.number_fields:
        return ""
    numbers = graph.input(NUMBERS, ("rows", len(schema.number_fields)))
    read = set().union(*(derived.parsed.names for derived in schema.derived.values()))
    operands = {
        name: _without_special_codes(
            graph, graph.columns(numbers, [position]), schema.special_codes(name)
        )
        for position, name in enumerate(schema.number_fields)
        if name in read
    }
    for name, derived in schema.derived.items():
        operands[name] = graph.expression(derived.parsed, operands)
    raw = [
        schema.number_fields.index(name)
        for name in schema.number_features
        if name not in schema.derived
    ]
    parts = [graph.columns(numbers, raw)] if raw else []
    return graph.concat([*parts, *(operands[name] for name in schema.derived)])


def _without_special_codes(graph: Graph, column: str, codes: tuple[float, ...]) -> str:
    for code in codes:
        is_code = graph.add("Equal", column, graph.number(code))
        column = graph.add("Where", is_code, graph.number(np.nan), column)
    return column


def _emit_codes(graph: Graph, feature_map: FeatureMap) -> str:
    fields = feature_map.schema.category_fields
    if not fields:
        return ""
    texts = graph.input(CATEGORIES, ("rows", len(fields)), TensorProto.STRING)
    return graph.concat(
        [_emit_column_codes(graph, texts, position, feature_map) for position in range(len(fields))]
    )


def _emit_column_codes(graph: Graph, texts: str, position: int, feature_map: FeatureMap) -> str:
    codes = feature_map.vocabulary.codes_of(position)
    return graph.add(
        "LabelEncoder",
        graph.columns(texts, [position]),
        domain=ML,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=OTHER_CODE,
    )
