"""Calibration: from a margin to a probability of default, by a strictly increasing map.

Platt's map (Platt, 1999) is a line in log-odds. With bads enough it may bend: isotonic
regression on quantile bins, centred (Oron and Flournoy, 2017) so that no flat stretch is left,
joined by lines in log-odds, with a tenth of Platt's line mixed in so that it rises everywhere.
Raw isotonic steps are thousands steep, which no parity between two implementations survives;
where even these would be over 20 steep, the line is taken as it is.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from credit.expressions import FloatArray
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.family import Scale

BINS = 40
HALF = 0.5
CLIP = 1e-6
LEAST_SLOPE = 1e-3
PLATT_SHARE = 0.1
STEEPEST_SLOPE = 20.0


@dataclass(frozen=True)
class Platt:
    """Log-odds of default = slope x log-odds of the margin + intercept."""

    scale: Scale
    slope: float
    intercept: float

    def log_odds(self, log_odds: FloatArray) -> FloatArray:
        return self.slope * log_odds + self.intercept

    def emit_log_odds(self, graph: Graph, log_odds: str) -> str:
        scaled = graph.add("Mul", log_odds, graph.number(self.slope))
        return graph.add("Add", scaled, graph.number(self.intercept))


@dataclass(frozen=True)
class SmoothedIsotonic:
    """Lines in log-odds, piece k reaching up to edges[k]: slopes[k] x log-odds + intercepts[k]."""

    scale: Scale
    edges: FloatArray
    slopes: FloatArray
    intercepts: FloatArray

    def log_odds(self, log_odds: FloatArray) -> FloatArray:
        piece = np.searchsorted(self.edges, log_odds, side="right")
        return self.slopes[piece] * log_odds + self.intercepts[piece]

    def emit_log_odds(self, graph: Graph, log_odds: str) -> str:
        passed = graph.double(graph.add("GreaterOrEqual", log_odds, graph.constant(self.edges)))
        axis = graph.constant(np.array([1], dtype=np.int64))
        piece = graph.add("Cast", graph.add("ReduceSum", passed, axis, keepdims=1), to=7)
        slope = graph.add("Gather", graph.constant(self.slopes), piece, axis=0)
        intercept = graph.add("Gather", graph.constant(self.intercepts), piece, axis=0)
        return graph.add("Add", graph.add("Mul", slope, log_odds), intercept)


Calibrator: TypeAlias = Platt | SmoothedIsotonic


def calibrate(
    margin: FloatArray, bad: BadArray, scale: Scale, fewest_bads_for_isotonic: int
) -> Calibrator:
    """Fit a calibrator on out-of-fold margins [rows] and labels [rows]."""
    log_odds = _log_odds(margin, scale)
    platt = _fit_platt(log_odds, bad, scale)
    if min(bad.sum(), len(bad) - bad.sum()) < fewest_bads_for_isotonic:
        return platt
    return _fit_isotonic(log_odds, bad, platt)


def probability(calibrator: Calibrator, margin: FloatArray) -> FloatArray:
    """Probability of default [rows] from margins [rows]."""
    return np.asarray(expit(calibrator.log_odds(_log_odds(margin, calibrator.scale))))


def emit_probability(graph: Graph, calibrator: Calibrator, margin: str) -> str:
    """The same as a tensor [rows, 1]."""
    log_odds = margin
    if calibrator.scale == "probability":
        low, high = graph.number(CLIP), graph.number(1 - CLIP)
        clipped = graph.add("Min", graph.add("Max", margin, low), high)
        odds = graph.add("Div", clipped, graph.add("Sub", graph.number(1.0), clipped))
        log_odds = graph.add("Log", odds)
    return graph.add("Sigmoid", calibrator.emit_log_odds(graph, log_odds))


def _log_odds(margin: FloatArray, scale: Scale) -> FloatArray:
    return margin if scale == "log-odds" else np.asarray(logit(np.clip(margin, CLIP, 1 - CLIP)))


def _fit_platt(log_odds: FloatArray, bad: BadArray, scale: Scale) -> Platt:
    bads, goods = float(bad.sum()), float(len(bad) - bad.sum())
    target = np.where(bad == 1, (bads + 1) / (bads + 2), 1 / (goods + 2))

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        calibrated = line[0] * log_odds + line[1]
        surprise = expit(calibrated) - target
        value = np.logaddexp(0, calibrated).mean() - (calibrated * target).mean()
        return value, np.array([(surprise * log_odds).mean(), surprise.mean()])

    bounds = [(LEAST_SLOPE, None), (None, None)]
    line = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Platt(scale, float(line[0]), float(line[1]))


def _fit_isotonic(log_odds: FloatArray, bad: BadArray, platt: Platt) -> Calibrator:
    """Bend Platt's line through the centred blocks of binned bad rates."""
    order = np.argsort(log_odds, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    centre = np.array([log_odds[part].mean() for part in bins])
    weight = np.array([float(len(part)) for part in bins])
    bads = np.array([float(bad[part].sum()) for part in bins])
    rate = (bads + HALF) / (weight + 2 * HALF)
    fitted = IsotonicRegression().fit_transform(centre, rate, sample_weight=weight)
    blocks = np.unique(fitted, return_inverse=True)[1]
    knots = np.bincount(blocks, weights=weight * centre) / np.bincount(blocks, weights=weight)
    levels = logit(np.unique(fitted))
    levels += PLATT_SHARE * (platt.log_odds(knots) - levels)
    if len(knots) < 2 or np.diff(knots).min() <= 0:
        return platt
    slopes = np.diff(levels) / np.diff(knots)
    if slopes.max() > STEEPEST_SLOPE:
        return platt
    intercepts = levels[:-1] - slopes * knots[:-1]
    outer = levels[[0, -1]] - platt.slope * knots[[0, -1]]
    return SmoothedIsotonic(
        platt.scale,
        knots,
        np.concatenate([[platt.slope], slopes, [platt.slope]]),
        np.concatenate([outer[:1], intercepts, outer[1:]]),
    )
