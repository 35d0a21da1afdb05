"""Tables for people."""

from rich.table import Table

from credit.metrics import Interval
from flows.results import TrainingResult

COLUMNS = {"auc": "AUC", "ks": "KS", "brier": "Brier"}


def leaderboard(result: TrainingResult) -> Table:
    """Families from the best on validation down, with test metrics and their intervals."""
    table = Table(
        title=f"{result.dataset}, {result.preset}: AUC on validation, the rest on test with "
        "95% intervals",
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
