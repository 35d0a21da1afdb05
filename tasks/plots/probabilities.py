"""How honest probabilities of default are, and where the policy's bands cut them."""

import numpy as np
from matplotlib.axes import Axes

from credit.expressions import FloatArray
from credit.intervals import wilson
from credit.labels import BadArray
from credit.metrics import calibration_curve
from credit.policy import DECISIONS, DecisionArray, Policy, band, score
from tasks.plots.canvas import (
    BLUE,
    INK,
    ORANGE,
    REFERENCE,
    SMALL,
    SOFT,
    SQUARE,
    TINTS,
    legend,
    percent,
    png,
    single,
)

SCORE_BINS = 40


def calibration_plot(bad: BadArray, probability: FloatArray, title: str) -> bytes:
    """Observed bad rate against mean probability in groups of equal size, with 95% intervals.

    The groups are those of the calibration error; the intervals are Wilson's.
    """
    figure, axes = single(
        f"Calibration on the test rows: {title}",
        "Mean predicted probability of default",
        "Observed bad rate",
        SQUARE,
        note="Ten groups of equal size by probability; Wilson's 95% intervals",
    )
    mean, rate, low, high = groups(bad, probability)
    top = min(1.0, 1.08 * max(mean.max(), high.max()))
    axes.plot([0, top], [0, top], color=REFERENCE, linestyle=":", linewidth=1, label="perfect")
    axes.errorbar(
        mean,
        rate,
        yerr=[rate - low, high - rate],
        color=BLUE,
        marker="o",
        markersize=5,
        linewidth=1.4,
        elinewidth=1.1,
        capsize=3,
        label="observed, 95% interval",
    )
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    legend(axes, loc="upper left")
    return png(figure)


def groups(
    bad: BadArray, probability: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(mean probability, bad rate, low, high) of each of ten equally filled groups."""
    mean, rate, rows = calibration_curve(bad, probability)
    bads = np.rint(rate * rows).astype(int).tolist()
    intervals = [
        wilson(events, total) for events, total in zip(bads, rows.astype(int).tolist(), strict=True)
    ]
    low, high = np.array(intervals).T
    return mean, rate, low, high


def score_distribution_plot(bad: BadArray, probability: FloatArray, policy: Policy) -> bytes:
    """Scores of goods and of bads, each as a share of its own, over the policy's bands."""
    figure, axes = single(
        "Scores of goods and bads, and the policy's bands",
        "Score (points; higher is safer)",
        "Share of all goods, of all bads",
        note="Test rows; percentages are the share of applications in each band, before rules",
    )
    points = score(policy, probability).astype(np.float64)
    width = np.ceil((np.ptp(points) + 1) / SCORE_BINS)  # whole points: scores are whole
    edges = np.arange(points.min() - 0.5, points.max() + width, width)
    low, high = float(edges[0]), float(edges[-1])
    tallest = 0.0
    for label, name, colour in ((0, "goods", BLUE), (1, "bads", ORANGE)):
        counts, _ = np.histogram(points[bad == label], edges)
        shares = counts / max(1, counts.sum())
        tallest = max(tallest, float(shares.max()))
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.22)
        axes.stairs(shares, edges, color=colour, linewidth=1.6, label=name)
    axes.set(xlim=(low, high), ylim=(0, 1.22 * tallest))
    _shade_bands(axes, probability, policy, (low, high))
    axes.yaxis.set_major_formatter(percent)
    legend(axes, loc="upper left", bbox_to_anchor=(0, 0.88))
    return png(figure)


def _shade_bands(
    axes: Axes, probability: FloatArray, policy: Policy, view: tuple[float, float]
) -> None:
    limits = score(policy, np.array([policy.decline_above, policy.approve_below]))
    decline_to, approve_from = np.clip(limits, *view).tolist()
    decisions = band(policy, probability)
    stretches = {
        "decline": (view[0], decline_to),
        "review": (decline_to, approve_from),
        "approve": (approve_from, view[1]),
    }
    top = axes.get_ylim()[1]
    for decision, (start, end) in stretches.items():
        if end > start:
            axes.axvspan(start, end, color=TINTS[decision], zorder=0, linewidth=0)
            share = float((decisions == decision).mean())
            axes.text(
                (start + end) / 2,
                0.985 * top,
                f"{decision}\n{share:.0%}",
                ha="center",
                va="top",
                fontsize=SMALL,
                color=INK,
            )
    for edge in {decline_to, approve_from}:
        axes.axvline(edge, color=REFERENCE, linewidth=1, linestyle="--")


def band_plot(bad: BadArray, probability: FloatArray, decisions: DecisionArray) -> bytes:
    """Mean probability of default against the observed bad rate of each decision."""
    figure, axes = single(
        "Predicted and observed risk by decision",
        "",
        "Probability of default, bad rate",
        note="Test rows; Wilson's 95% intervals of the bad rate",
    )
    axes.grid(visible=False, axis="x")
    labels = []
    for position, decision in enumerate(DECISIONS):
        rows = decisions == decision
        count, bads = int(rows.sum()), int(bad[rows].sum())
        labels.append(f"{decision}\n{count:,} applications")
        if count:
            _draw_band(axes, position, float(probability[rows].mean()), bads, count)
    axes.set_xticks(range(len(DECISIONS)), labels)
    axes.set(xlim=(-0.5, len(DECISIONS) - 0.5))
    axes.set_ylim(0, min(1.0, 1.12 * axes.get_ylim()[1]))
    axes.yaxis.set_major_formatter(percent)
    handles, names = axes.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    legend(axes, handles=list(once.values()), labels=list(once), loc="upper left")
    return png(figure)


def _draw_band(axes: Axes, position: int, predicted: float, bads: int, rows: int) -> None:
    observed = bads / rows
    low, high = wilson(bads, rows)
    axes.errorbar(
        position + 0.1,
        observed,
        yerr=[[observed - low], [high - observed]],
        fmt="o",
        color=BLUE,
        markersize=7,
        capsize=4,
        elinewidth=1.3,
        label="observed bad rate",
    )
    axes.plot(
        position - 0.1,
        predicted,
        "D",
        markersize=7,
        markerfacecolor="white",
        markeredgecolor=ORANGE,
        markeredgewidth=1.6,
        label="mean predicted probability",
    )
    for x, value, side in (
        (position - 0.17, predicted, "right"),
        (position + 0.17, observed, "left"),
    ):
        axes.text(x, value, f"{value:.1%}", ha=side, va="center", fontsize=SMALL, color=SOFT)
