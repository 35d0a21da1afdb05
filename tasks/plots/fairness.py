"""Approval rates by protected group."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from credit.fairness import ColumnAudit, GroupAudit
from tasks.plots.canvas import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    REFERENCE,
    SOFT,
    Room,
    panels,
    percent,
    plain,
    png,
    shorten,
    single,
    style,
)


def fairness_plot(columns: Sequence[ColumnAudit], least_ratio: float) -> bytes:
    """Approval rate of each group with its interval, and the line of the least ratio allowed.

    Args:
        columns: the protected columns, or their intersections.
        least_ratio: of a group's approval rate to the reference group's, such as 0.8.
    """
    title = "Approval rates by protected group"
    if not columns:
        figure, axes = single(title, "", "", (6.8, 2.4))
        return plain(figure, axes, "The data set names no protected column")
    rows = [len(column.groups) for column in columns]
    everyone = [group for column in columns for group in column.groups]
    longest = max(len(_label(group)) for group in everyone)
    figure, grid = panels(
        title,
        (6.8, 0.9 + sum(0.3 * count + 0.5 for count in rows)),
        f"Dashed: {least_ratio:.0%} of the reference group's rate (◆). Grey: too few to judge",
        (len(columns), 1),
        Room(left=0.3 + 0.07 * longest, bottom=0.55, between=(0.0, 0.4)),
        sharex=True,
        height_ratios=[count + 0.3 for count in rows],
    )
    for axes, column in zip(grid[:, 0], columns, strict=True):
        _draw_column(axes, column, least_ratio)
    # Groups too small to judge have intervals that would squeeze the others together.
    shown = [group for group in everyone if group.judged] or everyone
    highest = max(group.approval_rate.high for group in shown)
    grid[-1, 0].set_xlim(0, min(1.0, 1.05 * highest) or 1.0)
    grid[-1, 0].set_xlabel("Approval rate, 95% interval", fontsize=9)
    grid[-1, 0].xaxis.set_major_formatter(percent)
    return png(figure)


def _draw_column(axes: Axes, column: ColumnAudit, least_ratio: float) -> None:
    style(axes, grid="x")
    axes.set_title(column.name, loc="left", fontsize=9, fontweight="bold", color=INK)
    reference = next((each for each in column.groups if each.is_reference), None)
    limit = least_ratio * reference.approval_rate.value if reference else None
    if limit is not None:
        axes.axvline(limit, color=REFERENCE, linestyle="--", linewidth=1)
    for position, group in enumerate(column.groups):
        _draw_group(axes, position, group, limit)
    labels = [_label(group) for group in column.groups]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _label(group: GroupAudit) -> str:
    return f"{shorten(group.group)}  ({group.rows:,})"


def _draw_group(axes: Axes, position: int, group: GroupAudit, limit: float | None) -> None:
    rate = group.approval_rate
    below = limit is not None and rate.value < limit
    colour = (ORANGE if below else BLUE) if group.judged else FAINT
    axes.errorbar(
        rate.value,
        position,
        xerr=[[rate.value - rate.low], [rate.high - rate.value]],
        fmt="D" if group.is_reference else "o",
        color=colour,
        markersize=6,
        elinewidth=1.6,
        capsize=3,
    )
    axes.annotate(
        f"{rate.value:.0%}",
        (rate.value, position),
        (0, 6),
        textcoords="offset points",
        fontsize=8,
        color=INK if group.judged else SOFT,
        ha="center",
        va="bottom",
    )
