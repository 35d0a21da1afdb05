"""Logistic regression on weight-of-evidence bins: the scorecard."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from credit.binning import NumberBins, bin_codes, bin_number
from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.design import FeatureTensors
from credit.models.family import Family, Params


@dataclass(frozen=True)
class WoeLogistic:
    """Log-odds = intercept + sum of coefficient x weight of evidence, coefficients not below 0."""

    bins: tuple[NumberBins, ...]
    evidence_of_codes: tuple[FloatArray, ...]
    coefficients: FloatArray
    intercept: float

    def margin(self, features: Features) -> FloatArray:
        evidence = weights_of_evidence(features, self.bins, self.evidence_of_codes)
        return evidence @ self.coefficients + self.intercept

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        evidence = []
        if self.bins:
            evidence.append(_emit_numbers(graph, features.numbers, self.bins))
        if self.evidence_of_codes:
            evidence.append(_emit_codes(graph, features.codes, self.evidence_of_codes))
        weighted = graph.add(
            "MatMul", graph.concat(evidence), graph.constant(self.coefficients[:, np.newaxis])
        )
        return graph.add("Add", weighted, graph.number(self.intercept))


def weights_of_evidence(
    features: Features, bins: tuple[NumberBins, ...], evidence_of_codes: tuple[FloatArray, ...]
) -> FloatArray:
    """Weight of evidence [rows, features], numbers first."""
    numbers = [
        number.transform(column) for number, column in zip(bins, features.numbers.T, strict=True)
    ]
    categories = [
        evidence[column]
        for evidence, column in zip(evidence_of_codes, features.codes.T, strict=True)
    ]
    return np.column_stack([*numbers, *categories])


def _emit_numbers(graph: Graph, numbers: str, bins: tuple[NumberBins, ...]) -> str:
    """Look evidence up in one table: slot 0 missing, then special codes, then bins."""
    most_edges = max(1, *(len(number.edges) for number in bins))
    most_codes = max(1, *(len(number.special) for number in bins))
    edges = _stacked([number.edges for number in bins], most_edges, np.inf)
    codes = _stacked([number.special for number in bins], most_codes, np.nan)
    table = _stacked([number.evidence for number in bins], 2 + most_codes + most_edges, 0.0)
    first_bins = np.array([1 + len(number.special) for number in bins], dtype=np.float64)
    starts = np.arange(len(bins), dtype=np.float64) * table.shape[1]

    deep = graph.add("Unsqueeze", numbers, graph.constant(np.array([2], dtype=np.int64)))
    axis = graph.constant(np.array([2], dtype=np.int64))
    passed = graph.double(graph.add("GreaterOrEqual", deep, graph.constant(edges[np.newaxis])))
    slot = graph.add("ReduceSum", passed, axis, keepdims=0)
    slot = graph.add("Add", slot, graph.constant(first_bins))
    if any(len(number.special) for number in bins):
        matched = graph.double(graph.add("Equal", deep, graph.constant(codes[np.newaxis])))
        order = graph.constant(np.arange(1, most_codes + 1, dtype=np.float64))
        special_slot = graph.add("ReduceSum", graph.add("Mul", matched, order), axis, keepdims=0)
        is_special = graph.add("Greater", special_slot, graph.number(0.0))
        slot = graph.add("Where", is_special, special_slot, slot)
    slot = graph.add("Where", graph.add("IsNaN", numbers), graph.number(0.0), slot)
    index = graph.add("Cast", graph.add("Add", slot, graph.constant(starts)), to=7)
    return graph.add("Gather", graph.constant(table.ravel()), index, axis=0)


def _emit_codes(graph: Graph, codes: str, evidence_of_codes: tuple[FloatArray, ...]) -> str:
    lengths = [len(evidence) for evidence in evidence_of_codes]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    index = graph.add("Add", codes, graph.constant(starts))
    return graph.add("Gather", graph.constant(np.concatenate(evidence_of_codes)), index, axis=0)


def _stacked(rows: list[FloatArray], width: int, padding: float) -> FloatArray:
    stacked = np.full((len(rows), width), padding)
    for position, row in enumerate(rows):
        stacked[position, : len(row)] = row
    return stacked


def fit(
    features: Features,
    bad: BadArray,
    layout: Layout,
    params: Params,
    _: int,
    weights: FloatArray | None = None,
) -> WoeLogistic:
    """Bin every feature, then fit the coefficients; nothing is drawn, so no seed is needed.

    Bins and their evidence are of the rows as they are, the coefficients of the weighted rows.
    """
    bins = tuple(
        bin_number(column, bad, number.special_codes, number.monotone, int(params["bins"]))
        for number, column in zip(layout.numbers, features.numbers.T, strict=True)
    )
    evidence_of_codes = tuple(
        bin_codes(column, bad, category.codes)
        for category, column in zip(layout.categories, features.codes.T, strict=True)
    )
    evidence = weights_of_evidence(features, bins, evidence_of_codes)
    weights = np.ones(len(bad)) if weights is None else weights
    coefficients, intercept = _fit_non_negative(evidence, bad, weights, float(params["C"]))
    return WoeLogistic(bins, evidence_of_codes, coefficients, intercept)


def _fit_non_negative(
    evidence: FloatArray, bad: BadArray, weights: FloatArray, strength: float
) -> tuple[FloatArray, float]:
    """Ridge logistic regression with coefficients not below 0, so evidence keeps its sign."""
    bads, rows = weights * bad, weights.sum()

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        coefficients, intercept = line[:-1], line[-1]
        log_odds = evidence @ coefficients + intercept
        surprise = weights * expit(log_odds) - bads
        value = (weights * np.logaddexp(0, log_odds)).sum() - log_odds @ bads
        value += coefficients @ coefficients / (2 * strength)
        gradient = np.append(evidence.T @ surprise + coefficients / strength, surprise.sum())
        return value / rows, gradient / rows

    width = evidence.shape[1]
    rate = bads.sum() / rows
    start = np.append(np.full(width, 0.5), np.log(rate / (1 - rate)))
    bounds = [(0.0, None)] * width + [(None, None)]
    solution = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12}
    )
    return solution.x[:-1], float(solution.x[-1])


FAMILY = Family(
    title="Logistic regression on weight of evidence",
    scale="log-odds",
    defaults={"C": 1.0, "bins": 12},
    fit=fit,
)
