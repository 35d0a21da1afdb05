"""Logistic regression on principal components."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from credit.design import ScaledDesign
from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.design import FeatureTensors, emit_scaled_design
from credit.models.family import Family, Params


@dataclass(frozen=True)
class PcaLogistic:
    """Log-odds linear in the leading components, and so linear in the design's columns."""

    design: ScaledDesign
    components: FloatArray
    coefficients: FloatArray
    intercept: float

    @property
    def column_coefficients(self) -> FloatArray:
        """Coefficients on the design's columns."""
        return self.components.T @ self.coefficients

    def margin(self, features: Features) -> FloatArray:
        return self.design.matrix(features) @ self.column_coefficients + self.intercept

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        matrix = emit_scaled_design(graph, self.design, features)
        coefficients = graph.constant(self.column_coefficients[:, np.newaxis])
        return graph.add(
            "Add", graph.add("MatMul", matrix, coefficients), graph.number(self.intercept)
        )


def fit(
    features: Features,
    bad: BadArray,
    layout: Layout,
    params: Params,
    seed: int,
    weights: FloatArray | None = None,
) -> PcaLogistic:
    """Keep the components that hold the wanted share of variance, then fit on them, weighted."""
    design = ScaledDesign.fit(layout, features)
    matrix = design.matrix(features)
    # By the covariance: the full decomposition copies the matrix three times over.
    pca = PCA(
        n_components=float(params["variance"]), svd_solver="covariance_eigh", random_state=seed
    )
    scores = pca.fit_transform(matrix)
    regression = LogisticRegression(C=float(params["C"]), max_iter=2000)
    regression.fit(scores, bad, sample_weight=weights)
    coefficients = regression.coef_[0]
    intercept = float(regression.intercept_[0] - pca.mean_ @ pca.components_.T @ coefficients)
    return PcaLogistic(design, pca.components_, coefficients, intercept)


FAMILY = Family(
    title="Logistic regression on principal components",
    scale="log-odds",
    defaults={"variance": 0.95, "C": 1.0},
    fit=fit,
)
