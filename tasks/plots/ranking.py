"""How well probabilities of default rank bads above goods."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from credit.expressions import FloatArray
from credit.labels import BadArray
from tasks.plots.canvas import (
    BLUE,
    DASHES,
    DOUBLE,
    FAINT,
    INK,
    ORANGE,
    OTHERS,
    REFERENCE,
    SMALL,
    SQUARE,
    legend,
    new_figure,
    percent,
    png,
    single,
    style,
)

GROUPS = 10
Curve = Callable[[BadArray, FloatArray], tuple[FloatArray, FloatArray, str]]


def roc_plot(bad: BadArray, probabilities: Mapping[str, FloatArray], best: str) -> bytes:
    """ROC curves on the same rows, one for each title; `best` is drawn foremost.

    Args:
        bad: 1 for bad and 0 for good, [rows].
        probabilities: title -> probabilities of default, [rows] each.
        best: the title to stress.
    """
    figure, axes = single(
        "ROC on the test rows",
        "False positive rate: goods turned away",
        "True positive rate: bads caught",
        SQUARE,
        note=_counts(bad),
    )
    axes.plot([0, 1], [0, 1], color=REFERENCE, linestyle=":", linewidth=1, label="no skill")
    _draw_curves(axes, bad, probabilities, best, _roc)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    legend(axes, loc="lower right")
    return png(figure)


def precision_recall_plot(
    bad: BadArray, probabilities: Mapping[str, FloatArray], best: str
) -> bytes:
    """Precision against recall on the same rows, one curve for each title."""
    figure, axes = single(
        "Precision and recall on the test rows",
        "Recall: bads caught",
        "Precision: bads among those turned away",
        (6.0, 6.2),
        note=_counts(bad),
    )
    axes.axhline(bad.mean(), color=REFERENCE, linestyle=":", linewidth=1, label="no skill")
    _draw_curves(axes, bad, probabilities, best, _precision_recall)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    # Outside: inside it would cover the curves of a good model.
    figure.legend(loc="outside lower center", frameon=False, fontsize=SMALL, labelcolor=INK)
    return png(figure)


def ks_plot(bad: BadArray, probability: FloatArray, title: str) -> bytes:
    """Cumulative shares of goods and bads by probability, and their widest gap."""
    figure, axes = single(
        f"Kolmogorov-Smirnov on the test rows: {title}",
        "Probability of default",
        "Cumulative share",
        note=_counts(bad),
    )
    values, goods, bads = cumulative_shares(bad, probability)
    axes.step(values, goods, where="post", color=BLUE, linewidth=1.8)
    axes.step(values, bads, where="post", color=ORANGE, linewidth=1.8)
    widest = int(np.argmax(np.abs(goods - bads)))
    at, low, high = values[widest], bads[widest], goods[widest]
    axes.annotate(
        "", (at, low), (at, high), arrowprops={"arrowstyle": "<->", "color": INK, "linewidth": 1}
    )
    axes.text(
        at,
        0.35 * low + 0.65 * high,
        f"  KS {abs(high - low):.3f}\n  at PD {at:.1%}",
        fontsize=9,
        color=INK,
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1},
    )
    right = float(np.quantile(probability, 0.995)) * 1.02
    _name_line(axes, values, goods, right, "goods", BLUE, above=True)
    _name_line(axes, values, bads, right, "bads", ORANGE, above=False)
    axes.set(xlim=(0, max(right, 1e-6)), ylim=(0, 1.04))
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    return png(figure)


def cumulative_shares(
    bad: BadArray, probability: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(distinct probabilities, share of goods, share of bads up to each of them)."""
    values = np.unique(probability)
    goods, bads = (
        np.searchsorted(np.sort(probability[bad == label]), values, side="right")
        / max(1, (bad == label).sum())
        for label in (0, 1)
    )
    return values, goods, bads


def gains_plot(bad: BadArray, probability: FloatArray, title: str) -> bytes:
    """Share of bads found among the riskiest, and the lift of each tenth of the rows."""
    figure = new_figure(f"Gains and lift on the test rows: {title}", DOUBLE, note=_counts(bad))
    gains, lift = figure.subplots(1, 2)
    ranked = bad[np.argsort(-probability, kind="stable")]
    share = np.arange(len(bad) + 1) / len(bad)
    found = np.concatenate([[0], np.cumsum(ranked)]) / ranked.sum()
    style(gains, "Applications, the riskiest first", "Bads found among them")
    gains.plot([0, bad.mean(), 1], [0, 1, 1], color=FAINT, linewidth=1.4, label="perfect")
    gains.plot(share, found, color=BLUE, linewidth=2, label="model")
    gains.plot([0, 1], [0, 1], color=REFERENCE, linestyle=":", linewidth=1, label="random order")
    gains.set(xlim=(0, 1), ylim=(0, 1.02))
    gains.xaxis.set_major_formatter(percent)
    gains.yaxis.set_major_formatter(percent)
    legend(gains, loc="lower right")
    style(lift, "Tenth of the applications, the riskiest first", "Bad rate / overall bad rate", "y")
    tenths = np.array([part.mean() for part in np.array_split(ranked, GROUPS) if len(part)])
    heights = tenths / bad.mean()
    bars = lift.bar(np.arange(1, len(heights) + 1), heights, color=BLUE, width=0.75)
    lift.bar_label(bars, [f"{rate:.0%}" for rate in tenths], fontsize=8, color=INK, padding=2)
    lift.axhline(1, color=REFERENCE, linestyle=":", linewidth=1, zorder=0.9)
    lift.set_xticks(np.arange(1, len(heights) + 1))
    lift.set_title("Labels: bad rate of the tenth", loc="left", fontsize=SMALL, color=INK)
    lift.margins(y=0.1)
    return png(figure)


def _counts(bad: BadArray) -> str:
    return f"{len(bad):,} applications, {int(bad.sum()):,} of them bad ({bad.mean():.1%})"


def _draw_curves(
    axes: Axes, bad: BadArray, probabilities: Mapping[str, FloatArray], best: str, curve: Curve
) -> None:
    looks = iter(list(zip(OTHERS, DASHES, strict=True)) * len(probabilities))
    for title, probability in probabilities.items():
        across, up, area = curve(bad, probability)
        label = f"{title} ({area})"
        if title == best:
            axes.plot(across, up, color=BLUE, linewidth=2.2, zorder=3, label=label)
        else:
            colour, dash = next(looks)
            axes.plot(across, up, color=colour, linestyle=dash, linewidth=1.1, label=label)


def _roc(bad: BadArray, probability: FloatArray) -> tuple[FloatArray, FloatArray, str]:
    false, true, _ = roc_curve(bad, probability)
    return false, true, f"AUC {roc_auc_score(bad, probability):.3f}"


def _precision_recall(bad: BadArray, probability: FloatArray) -> tuple[FloatArray, FloatArray, str]:
    precision, recall, _ = precision_recall_curve(bad, probability, drop_intermediate=True)
    return recall, precision, f"PR-AUC {average_precision_score(bad, probability):.3f}"


def _name_line(
    axes: Axes, x: FloatArray, y: FloatArray, right: float, name: str, colour: str, above: bool
) -> None:
    """Write a line's name beside it where the view is about two thirds over."""
    at = 0.62 * right
    height = y[min(int(np.searchsorted(x, at)), len(y) - 1)]
    axes.annotate(
        name,
        (at, height),
        (0, 6 if above else -6),
        textcoords="offset points",
        color=colour,
        fontsize=10,
        fontweight="bold",
        ha="center",
        va="bottom" if above else "top",
    )
