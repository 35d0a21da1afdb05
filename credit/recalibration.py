"""Recalibration: a champion's probabilities, moved by one number in log-odds.

With few outcomes a model cannot be learned anew, but the level of risk can: the intercept alone is
fitted (Cox, 1958), the ranking stays as it was, and so do policy and reasons.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper
from scipy.optimize import brentq
from scipy.special import expit, logit

from credit.expressions import FloatArray
from credit.intervals import NORMAL_95, Interval
from credit.labels import BadArray
from credit.scoring import PROBABILITY

# Probabilities come rounded to 1e-6, and log-odds of 0 and 1 have no end.
CLIP = 1e-9
FURTHEST = 40.0


class RecalibrationError(ValueError):
    """There is nothing to learn an intercept from; the message says why."""


def intercept(probability: FloatArray, bad: BadArray) -> Interval:
    """What is to be added to the log-odds, so that as many bads are expected as there were.

    That is its maximum-likelihood estimate; the interval comes from its Fisher information.

    Raises:
        RecalibrationError: all rows are good, all are bad, or there are none.

    >>> bad = np.array([1, 0, 0, 0], dtype=np.int8)
    >>> round(intercept(np.full(4, 0.5), bad).value, 6) == round(float(logit(0.25)), 6)
    True
    """
    bads, rows = int(bad.sum()), len(bad)
    if not 0 < bads < rows:
        raise RecalibrationError(
            f"{bads:,} of {rows:,} rows are bad; an intercept needs good and bad ones"
        )
    log_odds = logit(np.clip(probability, CLIP, 1 - CLIP))
    shift = float(brentq(lambda moved: expit(log_odds + moved).sum() - bads, -FURTHEST, FURTHEST))
    expected = expit(log_odds + shift)
    error = NORMAL_95 / float(np.sqrt((expected * (1 - expected)).sum()))
    return Interval(shift, shift - error, shift + error)


def moved(probability: FloatArray, shift: float) -> FloatArray:
    """Probabilities [rows] with their log-odds moved."""
    return np.asarray(expit(logit(np.clip(probability, CLIP, 1 - CLIP)) + shift))


def moved_graph(graph: bytes, shift: float) -> bytes:
    """The same for a package's graph: what it answers, with its log-odds moved."""
    model = onnx.load_from_string(graph)
    before = _free_name(model, "before_recalibration")
    for node in model.graph.node:
        node.output[:] = [before if name == PROBABILITY else name for name in node.output]
        node.input[:] = [before if name == PROBABILITY else name for name in node.input]
    constants = {"low": CLIP, "high": 1 - CLIP, "one": 1.0, "shift": shift}
    names = {name: _free_name(model, f"recalibration_{name}") for name in constants}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, dtype=np.float64), names[name])
        for name, value in constants.items()
    )
    steps = (
        ("Max", (before, names["low"]), "above"),
        ("Min", ("above", names["high"]), "inside"),
        ("Sub", (names["one"], "inside"), "good"),
        ("Div", ("inside", "good"), "odds"),
        ("Log", ("odds",), "log_odds"),
        ("Add", ("log_odds", names["shift"]), "sum"),
        ("Sigmoid", ("sum",), PROBABILITY),
    )
    inner = {step: _free_name(model, f"recalibration_{step}") for _, _, step in steps[:-1]}
    model.graph.node.extend(
        helper.make_node(kind, [inner.get(name, name) for name in read], [inner.get(out, out)])
        for kind, read, out in steps
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _free_name(model: onnx.ModelProto, wanted: str) -> str:
    """A name that no tensor has; a graph may be moved several times."""
    taken = {name for node in model.graph.node for name in node.output}
    taken |= {tensor.name for tensor in model.graph.initializer}
    number = 1
    while (name := f"{wanted}_{number}") in taken:
        number += 1
    return name
