"""Random forest."""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from credit.design import TreeDesign
from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.design import FeatureTensors, emit_tree_design
from credit.models.family import Family, Params
from credit.models.trees import Tree, emit_sum

# More rows make a tree of bounded size slower, hardly better.
MOST_ROWS_PER_TREE = 25_000


@dataclass(frozen=True)
class Forest:
    """Mean share of bads in the leaves that a row reaches."""

    design: TreeDesign
    classifier: RandomForestClassifier

    def margin(self, features: Features) -> FloatArray:
        return np.asarray(self.classifier.predict_proba(self.design.matrix(features))[:, 1])

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        return emit_sum(graph, emit_tree_design(graph, self.design, features), self.trees(), "<=")

    def trees(self) -> list[Tree]:
        """The trees, leaf values divided by their number."""
        estimators = self.classifier.estimators_
        return [_tree(estimator, len(estimators)) for estimator in estimators]


def _tree(estimator: DecisionTreeClassifier, trees: int) -> Tree:
    grown = estimator.tree_
    shares = grown.value[:, 0, :]
    return Tree(
        left=grown.children_left,
        right=grown.children_right,
        feature=grown.feature,
        threshold=grown.threshold,
        missing_left=grown.missing_go_to_left.astype(bool),
        value=shares[:, 1] / shares.sum(axis=1) / trees,
        cover=grown.weighted_n_node_samples,
    )


def fit(
    features: Features,
    bad: BadArray,
    layout: Layout,
    params: Params,
    seed: int,
    weights: FloatArray | None = None,
) -> Forest:
    """Grow the forest on one thread, so that it is the same wherever it is grown."""
    design = TreeDesign.of(layout)
    classifier = RandomForestClassifier(
        n_estimators=int(params["trees"]),
        min_samples_leaf=int(params["min_leaf"]),
        max_features=float(params["features"]),
        max_leaf_nodes=int(params["most_leaves"]),
        max_samples=min(len(bad), MOST_ROWS_PER_TREE),
        random_state=seed,
        n_jobs=1,
    )
    return Forest(design, classifier.fit(design.matrix(features), bad, weights))


FAMILY = Family(
    title="Random forest",
    scale="probability",
    defaults={"trees": 150, "min_leaf": 30, "features": 0.3, "most_leaves": 150},
    fit=fit,
)
