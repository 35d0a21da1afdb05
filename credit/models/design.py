"""The matrices that models are fitted on, each with its twin in the graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import CodeArray, Features, Layout
from credit.graph import Graph

# Trees take single precision, in which a larger number would be infinite.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class FeatureTensors:
    """`Features` inside a graph: numbers double [rows, n], codes int64 [rows, m].

    Either is empty text when there is no such feature.
    """

    numbers: str
    codes: str


@dataclass(frozen=True)
class SpecialCodes:
    """Numbers without their special codes, and an indicator for each code."""

    positions: tuple[int, ...]
    values: tuple[float, ...]
    width: int

    @classmethod
    def of(cls, layout: Layout) -> "SpecialCodes":
        pairs = [
            (position, code)
            for position, number in enumerate(layout.numbers)
            for code in number.special_codes
        ]
        return cls(
            tuple(position for position, _ in pairs),
            tuple(code for _, code in pairs),
            len(layout.numbers),
        )

    def split(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(numbers with NaN for special codes, indicators [rows, codes])."""
        if not self.positions:
            return numbers, np.empty((len(numbers), 0))
        indicators = (numbers[:, self.positions] == np.array(self.values)).astype(np.float64)
        is_special = indicators @ self._owners > 0
        return np.where(is_special, np.nan, numbers), indicators

    def emit(self, graph: Graph, numbers: str) -> list[str]:
        """The same two tensors; the second is left out when there are no codes."""
        if not self.positions:
            return [numbers]
        indicators = graph.equals(graph.columns(numbers, self.positions), np.array(self.values))
        owned = graph.add("MatMul", indicators, graph.constant(self._owners))
        is_special = graph.add("Greater", owned, graph.number(0.0))
        return [graph.add("Where", is_special, graph.number(np.nan), numbers), indicators]

    @property
    def _owners(self) -> FloatArray:
        owners = np.zeros((len(self.positions), self.width))
        owners[np.arange(len(self.positions)), self.positions] = 1.0
        return owners


@dataclass(frozen=True)
class OneHot:
    """An indicator for each code of each category."""

    positions: tuple[int, ...]
    values: tuple[int, ...]

    @classmethod
    def of(cls, layout: Layout) -> "OneHot":
        pairs = [
            (position, code)
            for position, category in enumerate(layout.categories)
            for code in range(category.codes)
        ]
        return cls(tuple(position for position, _ in pairs), tuple(code for _, code in pairs))

    def encode(self, codes: CodeArray) -> FloatArray:
        """Indicators [rows, codes of all categories]."""
        if not self.positions:
            return np.empty((len(codes), 0))
        is_code: NDArray[np.bool_] = codes[:, self.positions] == np.array(self.values)
        return is_code.astype(np.float64)

    def emit(self, graph: Graph, codes: str) -> list[str]:
        """The indicators; nothing when there are no categories."""
        if not self.positions:
            return []
        columns = graph.columns(codes, self.positions)
        return [graph.equals(columns, np.array(self.values, dtype=np.int64))]


@dataclass(frozen=True)
class TreeDesign:
    """What trees split on: numbers with NaN where missing or special, then indicators."""

    special: SpecialCodes
    one_hot: OneHot

    @classmethod
    def of(cls, layout: Layout) -> "TreeDesign":
        return cls(SpecialCodes.of(layout), OneHot.of(layout))

    def matrix(self, features: Features) -> FloatArray:
        """[rows, columns], NaN missing."""
        numbers, indicators = self.special.split(features.numbers)
        numbers = np.clip(numbers, -LARGEST, LARGEST)
        return np.hstack([numbers, indicators, self.one_hot.encode(features.codes)])

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        parts = self.one_hot.emit(graph, features.codes)
        if features.numbers:
            numbers, *indicators = self.special.emit(graph, features.numbers)
            numbers = graph.add("Min", numbers, graph.number(LARGEST))
            parts = [graph.add("Max", numbers, graph.number(-LARGEST)), *indicators, *parts]
        return graph.concat(parts)


@dataclass(frozen=True)
class ScaledDesign:
    """What distance and gradient need: no gaps, no outliers, unit variance.

    Numbers are cut at their 0.5% and 99.5% quantiles, filled with the median (an indicator says
    so), and every column is centred and scaled. Indicators are not cut: to a rare level or special
    code the cut would leave nothing.
    """

    tree: TreeDesign
    low: FloatArray
    high: FloatArray
    fill: FloatArray
    gaps: tuple[int, ...]
    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def fit(cls, layout: Layout, features: Features) -> "ScaledDesign":
        tree = TreeDesign.of(layout)
        matrix = tree.matrix(features)
        missing = np.isnan(matrix)
        known = np.where(missing.all(axis=0), 0.0, matrix)
        quantiles = np.nanquantile(known, [0.005, 0.5, 0.995], axis=0)
        low, fill, high = quantiles.reshape(3, known.shape[1])
        is_indicator = np.arange(known.shape[1]) >= len(layout.numbers)
        low, high = np.where(is_indicator, 0.0, low), np.where(is_indicator, 1.0, high)
        gaps = tuple(np.flatnonzero(missing.any(axis=0)).tolist())
        unscaled = cls(tree, low, high, fill, gaps, np.zeros(1), np.ones(1))
        dense = unscaled.matrix(features)
        deviation = dense.std(axis=0)
        return cls(
            tree, low, high, fill, gaps, dense.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        )

    def matrix(self, features: Features) -> FloatArray:
        """[rows, columns] without gaps."""
        matrix = self.tree.matrix(features)
        missing = np.isnan(matrix)
        filled = np.clip(np.where(missing, self.fill, matrix), self.low, self.high)
        dense = np.hstack([filled, missing[:, self.gaps].astype(np.float64)])
        return np.asarray((dense - self.mean) / self.deviation)

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        matrix = self.tree.emit(graph, features)
        missing = graph.add("IsNaN", matrix)
        filled = graph.add("Where", missing, graph.constant(self.fill), matrix)
        filled = graph.add("Min", filled, graph.constant(self.high))
        filled = graph.add("Max", filled, graph.constant(self.low))
        parts = [filled]
        if self.gaps:
            parts.append(graph.columns(graph.double(missing), self.gaps))
        centred = graph.add("Sub", graph.concat(parts), graph.constant(self.mean))
        return graph.add("Div", centred, graph.constant(self.deviation))
