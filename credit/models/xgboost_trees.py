"""Gradient-boosted trees (XGBoost), monotone where the spec says so."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost

from credit.design import TreeDesign
from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.design import FeatureTensors, emit_tree_design
from credit.models.family import Family, Params
from credit.models.trees import Tree, emit_sum

_CONSTRAINTS = {"increasing": 1, "decreasing": -1, None: 0}


@dataclass(frozen=True)
class BoostedTrees:
    """Log-odds = base + sum of the leaf values that a row reaches."""

    design: TreeDesign
    booster: xgboost.Booster

    def margin(self, features: Features) -> FloatArray:
        matrix = xgboost.DMatrix(self.design.matrix(features), nthread=1)
        return self.booster.predict(matrix, output_margin=True).astype(np.float64)

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        base, trees = self.trees()
        total = emit_sum(graph, emit_tree_design(graph, self.design, features), trees, "<")
        return graph.add("Add", total, graph.number(base))

    def trees(self) -> tuple[float, list[Tree]]:
        """The base and the trees, as the booster's JSON has them."""
        learner = json.loads(self.booster.save_raw("json"))["learner"]
        trees = [_tree(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
        return _base_log_odds(learner), trees


def _tree(tree: dict[str, Any]) -> Tree:
    conditions = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    return Tree(
        left=np.array(tree["left_children"], dtype=np.int64),
        right=np.array(tree["right_children"], dtype=np.int64),
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=conditions,
        missing_left=np.array(tree["default_left"], dtype=bool),
        value=conditions,
        cover=np.array(tree["sum_hessian"], dtype=np.float64),
    )


def _base_log_odds(learner: dict[str, Any]) -> float:
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    return float(np.log(base / (1 - base)))


def fit(
    features: Features,
    bad: BadArray,
    layout: Layout,
    params: Params,
    seed: int,
    weights: FloatArray | None = None,
) -> BoostedTrees:
    """Boost on one thread, so that the trees are the same wherever they are grown."""
    design = TreeDesign.of(layout)
    matrix = design.matrix(features)
    constraints = [_CONSTRAINTS[number.monotone] for number in layout.numbers]
    constraints += [0] * (matrix.shape[1] - len(constraints))
    settings = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "nthread": 1,
        "seed": seed,
        "learning_rate": float(params["learning_rate"]),
        "max_depth": int(params["depth"]),
        "min_child_weight": float(params["min_child_weight"]),
        "subsample": float(params["subsample"]),
        "colsample_bynode": float(params["columns"]),
        "reg_lambda": float(params["l2"]),
        "monotone_constraints": tuple(constraints),
    }
    data = xgboost.DMatrix(matrix, label=bad, weight=weights, nthread=1)
    return BoostedTrees(design, xgboost.train(settings, data, num_boost_round=int(params["trees"])))


FAMILY = Family(
    title="Gradient-boosted trees (XGBoost)",
    scale="log-odds",
    defaults={
        "trees": 400,
        "learning_rate": 0.04,
        "depth": 4,
        "min_child_weight": 10.0,
        "subsample": 0.8,
        "columns": 0.5,
        "l2": 1.0,
    },
    fit=fit,
)
