"""What the inputs look like in the training rows."""

from matplotlib.axes import Axes

from credit.exploration import Bin, ColumnProfile, Exploration
from tasks.plots.canvas import (
    FAINT,
    INK,
    ORANGE,
    REFERENCE,
    SMALL,
    Room,
    panels,
    percent,
    png,
    shorten,
    style,
)

MOST_BINS = 10
LOWER_PART = 0.45


def exploration_plot(exploration: Exploration, most: int = 6) -> bytes:
    """Share of rows and bad rate in each bin of the columns that tell most."""
    shown = exploration.columns[:most]
    rows = max(1, -(-len(shown) // 3))
    figure, grid = panels(
        "The inputs that tell most, by information value (IV)",
        (9.6, 0.7 + 2.65 * rows),
        note=f"{exploration.rows:,} training rows. Orange: bad rate of each bin; dotted: of all "
        f"rows ({exploration.bad_rate:.1%}). Grey: how the rows are spread over the bins",
        shape=(rows, 3),
        room=Room(left=0.75, bottom=1.0, between=(0.6, 1.25)),
    )
    for axes, column in zip(grid.flat, shown, strict=False):
        _draw_column(axes, column, exploration.bad_rate)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("Bad rate", fontsize=SMALL)
    return png(figure)


def _draw_column(axes: Axes, column: ColumnProfile, bad_rate: float) -> None:
    style(axes, grid="y")
    unit = f", {column.unit}" if column.unit else ""
    axes.set_title(
        f"{shorten(column.name, 24)}{unit} (IV {column.information_value:.2f})",
        loc="left",
        fontsize=9,
        fontweight="bold",
        color=INK,
    )
    bins = _largest(column.bins)
    places = range(len(bins))
    rates = [each.bad_rate for each in bins]
    top = 1.12 * max([bad_rate, *rates])
    widest = max([each.share for each in bins], default=1.0) or 1.0
    axes.bar(
        places, [each.share / widest * LOWER_PART * top for each in bins], color=FAINT, width=0.85
    )
    axes.axhline(bad_rate, color=REFERENCE, linestyle=":", linewidth=1)
    axes.plot(places, rates, "o", color=ORANGE, markersize=5)
    labels = [shorten(each.label.replace(" to below ", "–"), 17) for each in bins]
    axes.set_xticks(places, labels, rotation=35, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_ylim(0, top or 1.0)
    axes.yaxis.set_major_formatter(percent)


def _largest(bins: tuple[Bin, ...]) -> list[Bin]:
    """The bins in their order; of many only those with most rows."""
    if len(bins) <= MOST_BINS:
        return list(bins)
    fewest = sorted((each.rows for each in bins), reverse=True)[MOST_BINS - 1]
    return [each for each in bins if each.rows >= fewest][:MOST_BINS]
