"""What thresholds earn."""

import numpy as np

from credit.impact import ProfitCurve
from credit.policy import DECISIONS, Policy
from tasks.plots.canvas import (
    BLUE,
    INK,
    ORANGE,
    REFERENCE,
    SMALL,
    TINTS,
    amount,
    legend,
    new_figure,
    percent,
    png,
    style,
)


def profit_plot(curve: ProfitCurve, policy: Policy, unit: str = "") -> bytes:
    """Profit, approvals and bads over the threshold of approval, with the policy's bands.

    Args:
        curve: what each threshold gives when all below it is approved and nothing reviewed.
        policy: its bands are shaded.
        unit: the exposure's currency.
    """
    figure = new_figure(
        "Profit by threshold",
        (6.8, 5.4),
        note="All below the threshold approved, none reviewed; shaded: the policy's bands",
    )
    profit, rates = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    style(profit, "", "Profit" + (f" ({unit})" if unit else ""))
    style(rates, "Threshold: highest probability of default approved", "Share")
    at = np.array([point.threshold for point in curve.points])
    earned = np.array([point.profit for point in curve.points])
    profit.plot(at, earned, color=BLUE, linewidth=1.8)
    profit.axhline(0, color=REFERENCE, linewidth=0.8)
    best = int(np.argmax(earned))
    profit.plot(at[best], earned[best], "o", color=BLUE, markersize=6)
    to_left = at[best] > at.max() / 2
    profit.annotate(
        f"highest: {amount(earned[best])} at {at[best]:.1%}",
        (at[best], earned[best]),
        (-8 if to_left else 8, 5),
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
        ha="right" if to_left else "left",
        va="bottom",
    )
    profit.margins(y=0.14)
    rates.plot(at, [point.approval_rate for point in curve.points], color=BLUE, label="approved")
    bads = [np.nan if point.bad_rate is None else point.bad_rate for point in curve.points]
    rates.plot(at, bads, color=ORANGE, linestyle="--", label="bad rate of the approved")
    rates.set(xlim=(0, at.max()), ylim=(0, 1.02))
    profit.yaxis.set_major_formatter(amount)
    rates.yaxis.set_major_formatter(percent)
    rates.xaxis.set_major_formatter(percent)
    legend(rates, loc="center right")
    _shade_bands(figure.axes, policy, at.max())
    return png(figure)


def _shade_bands(panels: list, policy: Policy, end: float) -> None:
    limits = (0.0, policy.approve_below, policy.decline_above, 1.0)
    bands = [
        (name, start, min(stop, end))
        for name, start, stop in zip(DECISIONS, limits, limits[1:], strict=False)
    ]
    for axes in panels:
        for decision, start, stop in bands:
            if stop > start:
                axes.axvspan(start, stop, color=TINTS[decision], zorder=0, linewidth=0)
        for edge in {policy.approve_below, policy.decline_above}:
            axes.axvline(edge, color=REFERENCE, linewidth=1, linestyle="--")
    for decision, start, stop in bands:
        if stop - start > 0.04 * end:
            panels[0].text(
                (start + stop) / 2,
                0.03,
                decision,
                ha="center",
                va="bottom",
                fontsize=SMALL,
                color=INK,
                transform=panels[0].get_xaxis_transform(),
            )
