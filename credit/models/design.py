"""The matrices that models read, as parts of the graph: the twins of `credit.design`."""

from dataclasses import dataclass

import numpy as np

from credit.design import LARGEST, OneHot, ScaledDesign, SpecialCodes, TreeDesign
from credit.graph import Graph


@dataclass(frozen=True)
class FeatureTensors:
    """`Features` inside a graph: numbers double [rows, n], codes int64 [rows, m].

    Either is empty text when there is no such feature.
    """

    numbers: str
    codes: str


def _emit_special_codes(graph: Graph, special: SpecialCodes, numbers: str) -> list[str]:
    """The two tensors of `SpecialCodes.split`; the second is left out when there are no codes."""
    if not special.positions:
        return [numbers]
    indicators = graph.equals(graph.columns(numbers, special.positions), np.array(special.values))
    owned = graph.add("MatMul", indicators, graph.constant(special.owners))
    is_special = graph.add("Greater", owned, graph.number(0.0))
    return [graph.add("Where", is_special, graph.number(np.nan), numbers), indicators]


def _emit_one_hot(graph: Graph, one_hot: OneHot, codes: str) -> list[str]:
    """The indicators; nothing when there are no categories."""
    if not one_hot.positions:
        return []
    columns = graph.columns(codes, one_hot.positions)
    return [graph.equals(columns, np.array(one_hot.values, dtype=np.int64))]


def emit_tree_design(graph: Graph, design: TreeDesign, features: FeatureTensors) -> str:
    """`TreeDesign.matrix`."""
    parts = _emit_one_hot(graph, design.one_hot, features.codes)
    if features.numbers:
        numbers, *indicators = _emit_special_codes(graph, design.special, features.numbers)
        numbers = graph.add("Min", numbers, graph.number(LARGEST))
        parts = [graph.add("Max", numbers, graph.number(-LARGEST)), *indicators, *parts]
    return graph.concat(parts)


def emit_scaled_design(graph: Graph, design: ScaledDesign, features: FeatureTensors) -> str:
    """`ScaledDesign.matrix`."""
    matrix = emit_tree_design(graph, design.tree, features)
    missing = graph.add("IsNaN", matrix)
    filled = graph.add("Where", missing, graph.constant(design.fill), matrix)
    filled = graph.add("Min", filled, graph.constant(design.high))
    filled = graph.add("Max", filled, graph.constant(design.low))
    parts = [filled]
    if design.gaps:
        parts.append(graph.columns(graph.double(missing), design.gaps))
    centred = graph.add("Sub", graph.concat(parts), graph.constant(design.mean))
    return graph.add("Div", centred, graph.constant(design.deviation))
