"""Tree ensembles as flat arrays, and as one node of the graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from credit.expressions import FloatArray
from credit.graph import ML, Graph

Split = Literal["<=", "<"]
_MODES: dict[Split, int] = {"<=": 0, "<": 1}
_SUM, _NO_TRANSFORM = 1, 0


@dataclass(frozen=True)
class Tree:
    """A binary tree; node 0 is the root, and a node without a left child (-1) is a leaf.

    A row goes left when its value passes the split against the threshold, or when it is missing
    and `missing_left` says so. `cover` is the weight of the training rows at a node.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: FloatArray
    missing_left: NDArray[np.bool_]
    value: FloatArray
    cover: FloatArray


def emit_sum(graph: Graph, matrix: str, trees: Sequence[Tree], split: Split) -> str:
    """The sum of the leaf values that each row reaches, as a tensor [rows, 1] of doubles.

    Values are rounded to float32 first, as the libraries that grow the trees do.
    """
    single = graph.add("Cast", matrix, to=TensorProto.FLOAT)
    nodes = _Nodes()
    roots = [nodes.add_tree(tree) for tree in trees]
    return graph.add(
        "TreeEnsemble",
        graph.double(single),
        domain=ML,
        aggregate_function=_SUM,
        post_transform=_NO_TRANSFORM,
        n_targets=1,
        tree_roots=roots,
        nodes_featureids=nodes.features,
        nodes_modes=_tensor(np.full(len(nodes.features), _MODES[split], dtype=np.uint8)),
        nodes_splits=_tensor(np.array(nodes.thresholds, dtype=np.float64)),
        nodes_truenodeids=nodes.true_ids,
        nodes_trueleafs=nodes.true_leafs,
        nodes_falsenodeids=nodes.false_ids,
        nodes_falseleafs=nodes.false_leafs,
        nodes_missing_value_tracks_true=nodes.missing_true,
        leaf_targetids=[0] * len(nodes.leaf_weights),
        leaf_weights=_tensor(np.array(nodes.leaf_weights, dtype=np.float64)),
    )


def _tensor(values: NDArray[np.generic]) -> TensorProto:
    return numpy_helper.from_array(values)


class _Nodes:
    """The attribute lists of a TreeEnsemble, filled tree by tree."""

    def __init__(self) -> None:
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.missing_true: list[int] = []
        self.true_ids: list[int] = []
        self.true_leafs: list[int] = []
        self.false_ids: list[int] = []
        self.false_leafs: list[int] = []
        self.leaf_weights: list[float] = []

    def add_tree(self, tree: Tree) -> int:
        """Append a tree; returns the id of its root."""
        inner = np.flatnonzero(tree.left >= 0)
        first = len(self.features)
        if len(inner) == 0:
            self._append_constant(float(tree.value[0]))
            return first
        ids = {int(node): first + offset for offset, node in enumerate(inner)}
        for node in inner.tolist():
            self.features.append(int(tree.feature[node]))
            self.thresholds.append(float(tree.threshold[node]))
            self.missing_true.append(int(tree.missing_left[node]))
            self._append_child(tree, int(tree.left[node]), ids, self.true_ids, self.true_leafs)
            self._append_child(tree, int(tree.right[node]), ids, self.false_ids, self.false_leafs)
        return first

    def _append_child(
        self, tree: Tree, child: int, ids: dict[int, int], child_ids: list[int], is_leaf: list[int]
    ) -> None:
        if child in ids:
            child_ids.append(ids[child])
            is_leaf.append(0)
        else:
            child_ids.append(len(self.leaf_weights))
            is_leaf.append(1)
            self.leaf_weights.append(float(tree.value[child]))

    def _append_constant(self, value: float) -> None:
        """A tree that is one leaf: a split whose sides end alike."""
        self.features.append(0)
        self.thresholds.append(0.0)
        self.missing_true.append(0)
        for child_ids, is_leaf in (
            (self.true_ids, self.true_leafs),
            (self.false_ids, self.false_leafs),
        ):
            child_ids.append(len(self.leaf_weights))
            is_leaf.append(1)
            self.leaf_weights.append(value)
