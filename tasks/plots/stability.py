"""How far scores and inputs have moved from the training rows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from credit.intervals import wilson
from credit.stability import Shift, Stability, Vintage
from tasks.plots.canvas import (
    BLUE,
    DOUBLE,
    FAINT,
    INK,
    ORANGE,
    REFERENCE,
    SMALL,
    legend,
    new_figure,
    percent,
    plain,
    png,
    shorten,
    style,
)

LOOK, ACT = 0.10, 0.25


def stability_plot(stability: Stability, most: int = 12) -> bytes:
    """Bins of the probability of default in training and test rows, and the columns' PSI."""
    figure = new_figure(
        "Stability between training and test rows",
        DOUBLE,
        note=f"{stability.reference_rows:,} training and {stability.current_rows:,} test rows; "
        f"PSI from {LOOK:.2f} on is a shift to look at, from {ACT:.2f} on one to act on",
    )
    score, columns = figure.subplots(1, 2)
    _draw_score(score, stability.score)
    _draw_psi(columns, stability.columns[:most])
    return png(figure)


def _draw_score(axes: Axes, shift: Shift) -> None:
    style(
        axes,
        "Tenth of the training rows by probability of default, lowest first",
        "Share of rows",
        "y",
    )
    places = np.arange(1, len(shift.bins) + 1)
    axes.bar(
        places - 0.2, [each.reference for each in shift.bins], 0.4, color=FAINT, label="training"
    )
    axes.bar(places + 0.2, [each.current for each in shift.bins], 0.4, color=BLUE, label="test")
    axes.set_title(
        f"Probability of default: PSI {shift.psi:.3f}", loc="left", fontsize=9, color=INK
    )
    axes.set_xticks(places)
    axes.margins(y=0.2)
    axes.yaxis.set_major_formatter(percent)
    legend(axes, loc="upper right", ncols=2)


def _draw_psi(axes: Axes, shifts: Sequence[Shift]) -> None:
    style(axes, "PSI", "", "x")
    sizes = [shift.psi for shift in shifts]
    axes.barh(
        range(len(shifts)),
        sizes,
        height=0.7,
        color=[ORANGE if size >= LOOK else BLUE for size in sizes],
    )
    for limit in (LOOK, ACT):
        axes.axvline(limit, color=REFERENCE, linestyle="--", linewidth=1)
    axes.set_title("Inputs that moved most", loc="left", fontsize=9, color=INK)
    axes.set_yticks(range(len(shifts)), [shorten(shift.name) for shift in shifts])
    axes.invert_yaxis()
    axes.set_xlim(0, max([1.1 * ACT, *(1.05 * size for size in sizes)]))


def vintage_plot(vintages: Sequence[Vintage]) -> bytes:
    """Bad rate and mean probability of default by vintage, and the PSI of each one's score."""
    figure = new_figure(
        "Predicted and observed risk by vintage",
        (6.8, 4.8),
        note="Test rows; Wilson's 95% intervals of the bad rate; PSI against the training rows",
    )
    if not vintages:
        return plain(figure, figure.add_subplot(), "The data set has no time column")
    risk, psi = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.4])
    places = np.arange(len(vintages))
    rates = np.array([vintage.bad_rate for vintage in vintages])
    limits = np.array([wilson(round(each.bad_rate * each.rows), each.rows) for each in vintages]).T
    style(risk, "", "Bad rate, probability of default")
    risk.errorbar(
        places,
        rates,
        yerr=np.maximum(0, [rates - limits[0], limits[1] - rates]),
        fmt="o-",
        color=BLUE,
        markersize=5,
        linewidth=1.3,
        capsize=3,
        label="observed bad rate",
    )
    risk.plot(
        places,
        [vintage.mean_pd for vintage in vintages],
        "D--",
        color=ORANGE,
        markerfacecolor="white",
        markersize=5,
        linewidth=1.3,
        label="mean predicted probability",
    )
    risk.set_ylim(0, 1.15 * max(limits[1].max(), 0.01))
    risk.yaxis.set_major_formatter(percent)
    legend(risk, loc="upper left", ncols=2)
    sizes = [vintage.score.psi for vintage in vintages]
    style(psi, "", "PSI of the probability", "y")
    psi.bar(places, sizes, width=0.6, color=[ORANGE if size >= LOOK else BLUE for size in sizes])
    psi.axhline(LOOK, color=REFERENCE, linestyle="--", linewidth=1)
    psi.set_ylim(0, max([1.2 * LOOK, *(1.1 * size for size in sizes)]))
    labels = [f"{vintage.period}\n{vintage.rows:,}" for vintage in vintages]
    psi.set_xticks(places, labels, rotation=0 if len(vintages) <= 9 else 90, fontsize=SMALL)
    return png(figure)
