"""The common look of all plots, and figures as PNG bytes.

Matplotlib's object interface only: pyplot keeps a global state that threads would share. Colours
are told apart by people with any colour vision: blue is good or low, orange bad or high.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from credit.expressions import FloatArray

INK = "#1a1d21"
SOFT = "#5b636c"
GRID = "#e4e8ec"
REFERENCE = "#8a929b"
FAINT = "#c9ced4"
BLUE = "#0b5394"
ORANGE = "#d1690e"
OTHERS = ("#d1690e", "#2a8c82", "#8a5aa8", "#7f7f7f", "#5aa5d6")
DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
TINTS = {"approve": "#e4edf6", "review": "#f0f0ee", "decline": "#fbeada"}
LOW_TO_HIGH = LinearSegmentedColormap.from_list("low_to_high", ["#0b5394", "#b9bec4", "#d1690e"])

DOTS_PER_INCH = 192  # twice the 96 of a page: figures are shown at half their pixels
SQUARE = (6.0, 5.6)
WIDE = (6.8, 4.4)
DOUBLE = (9.6, 4.2)
SMALL = 8.5
LONGEST_NAME = 34
MINUS = "−"


def new_figure(
    title: str, size: tuple[float, float], note: str = "", layout: str = "constrained"
) -> Figure:
    """An empty figure with its title, and a note on rows or method below it."""
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout)
    top = 1 - 0.07 / size[1] if layout == "none" else None
    text = figure.suptitle(
        title, x=0.012, y=top, ha="left", fontsize=11, fontweight="bold", color=INK
    )
    if note:
        text.set(text=f"{title}\n", linespacing=1.5)  # keeps the note's line free
        below = 1 - 0.33 / size[1]
        figure.text(0.012, below, note, ha="left", va="top", fontsize=SMALL, color=SOFT)
    return figure


@dataclass(frozen=True)
class Room:
    """Inches around and between panels.

    For figures of many panels, where measuring all labels takes longer than drawing them.
    """

    left: float
    bottom: float
    between: tuple[float, float] = (0.3, 0.4)
    top: float = 0.85
    right: float = 0.2


def panels(
    title: str,
    size: tuple[float, float],
    note: str,
    shape: tuple[int, int],
    room: Room,
    **sharing: object,
) -> tuple[Figure, NDArray[np.object_]]:
    """A figure and its grid of panels [rows, columns], placed by measure."""
    figure = new_figure(title, size, note, layout="none")
    rows, columns = shape
    across, down = room.between
    panel_width = (size[0] - room.left - room.right - across * (columns - 1)) / columns
    panel_height = (size[1] - room.bottom - room.top - down * (rows - 1)) / rows
    figure.subplots_adjust(
        left=room.left / size[0],
        right=1 - room.right / size[0],
        bottom=room.bottom / size[1],
        top=1 - room.top / size[1],
        wspace=across / panel_width,
        hspace=down / panel_height,
    )
    return figure, figure.subplots(rows, columns, squeeze=False, **sharing)


def style(axes: Axes, x_label: str = "", y_label: str = "", grid: str = "both") -> Axes:
    """Labels, a faint grid below the data and no box."""
    axes.set_xlabel(x_label, fontsize=9, color=INK)
    axes.set_ylabel(y_label, fontsize=9, color=INK)
    axes.grid(visible=True, axis=grid, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, color=FAINT, labelcolor=INK, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    return axes


def single(
    title: str, x_label: str, y_label: str, size: tuple[float, float] = WIDE, note: str = ""
) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = new_figure(title, size, note)
    return figure, style(figure.add_subplot(), x_label, y_label)


def legend(axes: Axes, **placing: object) -> None:
    """A plain legend."""
    axes.legend(frameon=False, fontsize=SMALL, labelcolor=INK, **placing)


def shorten(text: str, most: int = LONGEST_NAME) -> str:
    """A text that fits beside an axis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def percent(share: float, _: object = None) -> str:
    """A share for an axis: 10% or 2.5%."""
    return f"{round(100 * share, 6):g}%".replace("-", MINUS)


def amount(number: float, _: object = None) -> str:
    """A number of any size in few signs: 0.25, 950, 25k, −1.23M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size <= abs(number) < 1e3 * size:
            return f"{number / size:.3g}{unit}".replace("-", MINUS)
    return f"{number:.3g}".replace("-", MINUS)


def plain(figure: Figure, axes: Axes, words: str) -> bytes:
    """Words where there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", color=SOFT, transform=axes.transAxes)
    return png(figure)


def png(figure: Figure) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    content = BytesIO()
    # Not savefig, which draws everything twice.
    FigureCanvasAgg(figure).print_png(content, metadata={"Software": None})
    return content.getvalue()


def spread(values: FloatArray, share: float = 0.01) -> tuple[float, float]:
    """A range that leaves out `share` of the values at either end, with some room."""
    low, high = np.quantile(values, [share, 1 - share])
    room = 0.04 * (high - low) or 0.5
    return float(low - room), float(high + room)
