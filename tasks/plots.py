"""Plots of a scorer's performance as PNG bytes.

Matplotlib's object interface only: pyplot keeps a global state that threads would share.
"""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from credit.expressions import FloatArray
from credit.labels import BadArray
from credit.metrics import calibration_curve

BEST = "#0b5394"
OTHERS = ("#e69138", "#6aa84f", "#a64d79", "#7f7f7f", "#45818e")
REFERENCE = "#999999"
DOTS_PER_INCH = 110


def roc_plot(bad: BadArray, probabilities: Mapping[str, FloatArray], best: str) -> bytes:
    """ROC curves on the same rows, one for each title; `best` is drawn foremost.

    Args:
        bad: 1 for bad and 0 for good, [rows].
        probabilities: title -> probabilities of default, [rows] each.
        best: the title to stress.
    """
    figure, axes = _figure("ROC on the test rows", "False positive rate", "True positive rate")
    axes.plot([0, 1], [0, 1], color=REFERENCE, linestyle=":", linewidth=1, label="no skill")
    colours = iter(OTHERS * len(probabilities))
    for title, probability in probabilities.items():
        false, true, _ = roc_curve(bad, probability)
        label = f"{title} (AUC {roc_auc_score(bad, probability):.3f})"
        if title == best:
            axes.plot(false, true, color=BEST, linewidth=2.2, zorder=3, label=label)
        else:
            axes.plot(false, true, color=next(colours), linewidth=1.1, alpha=0.8, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="lower right", frameon=False, fontsize="small")
    return _png(figure)


def calibration_plot(bad: BadArray, probability: FloatArray, title: str) -> bytes:
    """Observed bad rate against mean probability in groups of equal size, with 95% intervals.

    The groups are those of the calibration error; the intervals are Wilson's.
    """
    figure, axes = _figure(
        f"Calibration on the test rows: {title}",
        "Mean predicted probability of default",
        "Observed bad rate",
    )
    mean, rate, low, high = _groups(bad, probability)
    top = min(1.0, 1.08 * max(mean.max(), high.max()))
    axes.plot([0, top], [0, top], color=REFERENCE, linestyle=":", linewidth=1, label="perfect")
    axes.errorbar(
        mean,
        rate,
        yerr=[rate - low, high - rate],
        color=BEST,
        marker="o",
        markersize=5,
        linewidth=1.4,
        capsize=3,
        label="observed, 95% interval",
    )
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.legend(loc="upper left", frameon=False, fontsize="small")
    return _png(figure)


def _groups(
    bad: BadArray, probability: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    mean, rate, rows = calibration_curve(bad, probability)
    intervals = [
        binomtest(bads, total).proportion_ci(method="wilson")
        for bads, total in zip(np.rint(rate * rows).astype(int), rows.astype(int), strict=True)
    ]
    low, high = np.array([(interval.low, interval.high) for interval in intervals]).T
    return mean, rate, low, high


def _figure(title: str, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 6.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    content = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
    return content.getvalue()
