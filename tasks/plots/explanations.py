"""What drives a model, overall and in single decisions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from credit.explanation import Contribution, Dependence, GlobalExplanation, LocalExplanation, Swarm
from credit.expressions import FloatArray
from tasks.plots.canvas import (
    BLUE,
    FAINT,
    INK,
    LOW_TO_HIGH,
    MINUS,
    ORANGE,
    REFERENCE,
    SMALL,
    SOFT,
    Room,
    amount,
    legend,
    panels,
    percent,
    png,
    shorten,
    single,
    spread,
    style,
)

CLEAR_DIRECTION = 0.3
SWARM_BINS = 80
SWARM_WIDTH = 0.42
MOST_LEVELS = 6


def importance_plot(explanation: GlobalExplanation, most: int = 15) -> bytes:
    """Each feature's share of the mean absolute contribution, the most important first."""
    shown = explanation.features[:most]
    figure, axes = single(
        "Importance of the inputs",
        "Share of the mean absolute contribution",
        "",
        (6.8, 1.5 + 0.27 * len(shown)),
        note=f"Measured on {explanation.rows:,} test rows"
        + _left_out(len(explanation.features) - len(shown), "weaker input"),
    )
    axes.grid(visible=False, axis="y")
    bars = axes.barh(
        range(len(shown)),
        [feature.share for feature in shown],
        color=[_direction_colour(feature.direction) for feature in shown],
        height=0.7,
    )
    axes.bar_label(
        bars, [f"{feature.share:.1%}" for feature in shown], fontsize=8, color=INK, padding=3
    )
    axes.set_yticks(range(len(shown)), [shorten(feature.feature) for feature in shown])
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.02)
    axes.xaxis.set_major_formatter(percent)
    meanings = {
        ORANGE: "higher values mostly raise risk",
        BLUE: "higher values mostly lower risk",
        REFERENCE: "category, or no clear direction",
    }
    patches = [Patch(color=colour, label=label) for colour, label in meanings.items()]
    legend(axes, handles=patches, loc="lower right")
    return png(figure)


def _left_out(count: int, what: str) -> str:
    return f"; {count} {what}{'s' if count > 1 else ''} not shown" if count > 0 else ""


def _direction_colour(direction: float | None) -> str:
    if direction is None or abs(direction) < CLEAR_DIRECTION:
        return REFERENCE
    return ORANGE if direction > 0 else BLUE


def beeswarm_plot(explanation: GlobalExplanation, scale: str) -> bytes:
    """One dot a row for each of the strongest features, coloured by the value's rank.

    Args:
        explanation: its swarms are drawn.
        scale: of the contributions: log-odds, or probability.
    """
    swarms = explanation.swarms
    figure, axes = single(
        "Contributions of the most important inputs",
        f"Contribution to the margin ({scale}; to the right: riskier)",
        "",
        (6.8, 1.6 + 0.42 * len(swarms)),
        note=f"One dot for each of {explanation.rows:,} test rows",
    )
    axes.axvline(0, color=REFERENCE, linewidth=0.8)
    everything = np.array([swarm.contributions for swarm in swarms])
    if everything.size:
        low, high = _view(everything.ravel())
        axes.set_xlim(low, high)
        for position, swarm in enumerate(swarms):
            _draw_swarm(axes, position, swarm, (low, high))
    axes.set_yticks(range(len(swarms)), [shorten(swarm.feature) for swarm in swarms])
    axes.set_ylim(len(swarms) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    _value_bar(figure, axes)
    return png(figure)


def _view(contributions: FloatArray) -> tuple[float, float]:
    """All but the farthest 0.1%, which are drawn on the rim."""
    low, high = spread(contributions, 0.001)
    return min(low, 0.0), max(high, 0.0)


def _draw_swarm(axes: Axes, position: int, swarm: Swarm, view: tuple[float, float]) -> None:
    across = np.clip(np.array(swarm.contributions), *view)
    ranks = np.array([np.nan if rank is None else rank for rank in swarm.ranks], dtype=np.float64)
    up = position + _piled(across, view)
    colours = LOW_TO_HIGH(np.nan_to_num(ranks))
    colours[np.isnan(ranks)] = (0.62, 0.65, 0.69, 1.0)
    axes.scatter(across, up, s=7, c=colours, linewidths=0, alpha=0.85, rasterized=True)


def _piled(across: FloatArray, view: tuple[float, float]) -> FloatArray:
    """Offsets [rows] that pile dots of about the same place up around the middle line."""
    places = ((across - view[0]) / (view[1] - view[0]) * SWARM_BINS).astype(int)
    order = np.argsort(places, kind="stable")
    _, starts, counts = np.unique(places[order], return_index=True, return_counts=True)
    layer = np.arange(len(across)) - np.repeat(starts, counts)
    offsets = np.empty(len(across))
    offsets[order] = np.where(layer % 2, -1, 1) * ((layer + 1) // 2)
    tallest = max(1.0, np.abs(offsets).max(initial=0))
    return offsets * min(SWARM_WIDTH / tallest, 0.05)


def _value_bar(figure: Figure, axes: Axes) -> None:
    bar = figure.colorbar(ScalarMappable(cmap=LOW_TO_HIGH), ax=axes, aspect=30, pad=0.02)
    bar.set_ticks([0, 1], labels=["lowest", "highest"], fontsize=8)
    bar.set_label("Value of the input (grey: category or special)", fontsize=8, color=SOFT)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)


def dependence_plot(explanation: GlobalExplanation, scale: str, most: int = 6) -> bytes:
    """Contribution against value, one panel for each of the strongest features.

    Numbers are points; the mean contributions of special codes and missing values stand beside
    them in words. Categories are bars.
    """
    shown = explanation.dependences[:most]
    rows = max(1, -(-len(shown) // 3))
    figure, grid = panels(
        "How the most important inputs act",
        (9.6, 0.7 + 2.5 * rows),
        note=f"Contribution to the margin ({scale}; upwards: riskier) by the input's value; "
        "the outermost 1% of values lie outside the view",
        shape=(rows, 3),
        room=Room(left=0.75, bottom=0.75, between=(0.25, 0.95)),
        sharey=True,
    )
    for axes, dependence in zip(grid.flat, shown, strict=False):
        style(axes)
        axes.axhline(0, color=REFERENCE, linewidth=0.8)
        axes.set_title(shorten(dependence.feature), loc="left", fontsize=9, fontweight="bold")
        _draw_dependence(axes, dependence)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel(f"Contribution ({scale})", fontsize=SMALL)
    return png(figure)


def _draw_dependence(axes: Axes, dependence: Dependence) -> None:
    if not dependence.values:
        _draw_levels(axes, dependence)
        return
    values = np.array(dependence.values)
    axes.scatter(
        values, dependence.contributions, s=8, color=BLUE, alpha=0.45, linewidths=0, rasterized=True
    )
    axes.set_xlim(spread(values))
    axes.xaxis.get_major_locator().set_params(nbins=5)
    axes.xaxis.set_major_formatter(amount)
    axes.set_xlabel(dependence.unit, fontsize=SMALL)
    if dependence.levels:
        words = [
            f"{shorten(level.level)}: {level.contribution:+.2f} ({level.rows:,})".replace(
                "-", MINUS
            )
            for level in dependence.levels[:3]
        ]
        axes.text(
            0.98,
            0.02,
            "\n".join(words),
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=7.5,
            color=SOFT,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _signed(size: float, decimals: int) -> str:
    return f"{size:+.{decimals}f}".replace("-", MINUS)


def _draw_levels(axes: Axes, dependence: Dependence) -> None:
    levels = dependence.levels[:MOST_LEVELS]
    heights = [level.contribution for level in levels]
    axes.bar(
        range(len(levels)),
        heights,
        width=0.6,
        color=[ORANGE if height > 0 else BLUE for height in heights],
    )
    names = [shorten(level.level, 14) for level in levels]
    axes.set_xticks(range(len(levels)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("", fontsize=SMALL)


def case_plot(explanation: LocalExplanation, scale: str, most: int = 9) -> bytes:
    """How contributions lead from the usual margin to one application's: a waterfall."""
    case = explanation.case
    steps = _steps(explanation.contributions, most)
    figure, axes = single(
        f"{case.title}: what moved it",
        f"Margin ({scale}; to the right: riskier)",
        "",
        (6.8, 1.7 + 0.32 * len(steps)),
        note=f"Probability of default {case.probability:.1%}, decision: {case.decision}. From the "
        f"approved's mean ({amount(explanation.base)}, dotted) to {amount(explanation.margin)}",
    )
    axes.grid(visible=False, axis="y")
    start = explanation.base
    for position, (_, size) in enumerate(steps):
        _draw_step(axes, position, start, size, last=position == len(steps) - 1)
        start += size
    axes.axvline(explanation.base, color=REFERENCE, linestyle=":", linewidth=1)
    axes.axvline(explanation.margin, color=INK, linewidth=1)
    axes.set_yticks(range(len(steps)), [label for label, _ in steps])
    axes.set_ylim(len(steps) - 0.4, -0.6)
    path = explanation.base + np.cumsum([0.0, *(size for _, size in steps)])
    room = 0.18 * (np.ptp(path) or 1.0)
    axes.set_xlim(path.min() - room, path.max() + room)
    axes.xaxis.get_major_locator().set_params(nbins=6)
    return png(figure)


def _steps(contributions: Sequence[Contribution], most: int) -> list[tuple[str, float]]:
    """(label, contribution) of the strongest, and what all others add up to."""
    shown = contributions[:most] if len(contributions) > most else contributions
    steps = [
        (f"{shorten(each.feature)} = {shorten(each.value)}", each.contribution) for each in shown
    ]
    rest = contributions[len(shown) :]
    if rest:
        steps.append((f"{len(rest)} other inputs", sum(each.contribution for each in rest)))
    return steps


def _draw_step(axes: Axes, position: int, start: float, size: float, last: bool) -> None:
    raises = size > 0
    axes.barh(position, size, left=start, height=0.62, color=ORANGE if raises else BLUE)
    if not last:
        axes.plot([start + size] * 2, [position + 0.31, position + 0.69], color=FAINT, linewidth=1)
    axes.annotate(
        _signed(size, 3),
        (start + size, position),
        (3 if raises else -3, 0),
        textcoords="offset points",
        va="center",
        ha="left" if raises else "right",
        fontsize=8,
        color=INK,
    )
