"""Tables for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from credit.intervals import Interval
from credit.shifts import Movement, WindowDrift
from flows.results import TrainingResult

COLUMNS = {"auc": "AUC", "ks": "KS", "brier": "Brier"}


def leaderboard(result: TrainingResult) -> Table:
    """Families from the best on validation down, with test metrics and their intervals."""
    table = Table(
        title=f"{result.dataset}, {result.preset}: metrics on test with 95% intervals;\n"
        "Valid. is the AUC on validation, by which the champion is chosen",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("Family", no_wrap=True)
    for title in ("Valid.", *COLUMNS.values()):
        table.add_column(title, justify="right", no_wrap=True)
    for line in result.leaderboard:
        is_champion = line.family == result.champion.family
        table.add_row(
            ("★ " if is_champion else "  ") + line.family,
            f"{line.validation_auc.value:.4f}",
            *(_short(line.metrics[name]) for name in COLUMNS),
            style="bold" if is_champion else None,
        )
    return table


def tied(result: TrainingResult) -> list[str]:
    """The families whose AUC on test has an interval that overlaps the champion's."""
    best = result.champion.metrics["auc"]
    return [
        line.family
        for line in result.leaderboard
        if line.family != result.champion.family
        and line.metrics["auc"].low <= best.high
        and line.metrics["auc"].high >= best.low
    ]


def business(result: TrainingResult) -> Table:
    """What the champion's policy would have meant for the test applications."""
    table = Table(
        title="The champion's policy on the test applications",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_header=False,
    )
    policy, impact = result.policy, result.impact
    rows = {
        "Bands": f"approve below a PD of {policy.approve_below:.4f}, "
        f"decline from {policy.decline_above:.4f}",
        "Approved": _share(impact.approval_rate),
        "To review": _share(impact.review_rate),
        "Bad rate of the approved": _share(impact.bad_rate) if impact.bad_rate else "–",
        "Profit": f"{impact.profit.value:,.0f} "
        f"({impact.profit.low:,.0f} to {impact.profit.high:,.0f}) {result.currency}".rstrip(),
        "Fairness score": f"{result.fairness_score:.0f} of 100"
        if result.fairness_score is not None
        else "no group is large enough to be judged",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _share(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def print_remarks(console: Console, warnings: Sequence[str], notes: Sequence[str]) -> None:
    """A line for each warning, then for each note."""
    for warning in warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    for note in notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


def metrics(values: dict[str, Interval]) -> Table:
    """One row for each metric."""
    table = Table("Metric", "Value", "95% interval")
    for name, interval in values.items():
        table.add_row(
            name.replace("_", " "),
            f"{interval.value:.4f}",
            f"{interval.low:.4f} to {interval.high:.4f}",
        )
    return table


def _short(interval: Interval) -> str:
    return f"{interval.value:.4f} {interval.low:.3f}–{interval.high:.3f}"


def drifted_columns(drift: WindowDrift) -> Table:
    """The columns that have drifted, the worst first, and how they have moved."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Column", no_wrap=True)
    for title in ("Score", "PSI", "Importance"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Mean")
    table.add_column("Missing")
    for column in drift.columns:
        if column.has_drifted:
            shift = column.shift
            table.add_row(
                shift.name,
                f"{shift.score:.2f}",
                f"{shift.psi:.2f}",
                f"{column.importance:.1%}",
                _moved(shift.mean, ",.4g"),
                _moved(shift.missing, ".1%"),
            )
    return table


def _moved(movement: Movement | None, form: str) -> str:
    if movement is None:
        return ""
    return f"{movement.reference:{form}} to {movement.window:{form}}"
