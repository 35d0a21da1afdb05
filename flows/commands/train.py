"""creditloop train."""

from typing import TYPE_CHECKING

import typer

from configs.settings import Settings, load_settings
from credit.plan import FamilyName, PresetName
from flows.commands.console import NO, print_json, stdout
from flows.local.inprocess import check_source, flows_ready

if TYPE_CHECKING:
    from flows.results import TrainingResult


def run(
    dataset: str | None,
    preset: PresetName,
    families: list[FamilyName] | None,
    data: str | None,
    promote: bool,
    json: bool,
) -> None:
    """Train in this process and show the result."""
    settings = load_settings()
    result = train(settings, dataset or settings.dataset, preset, families, data, promote)
    if json:
        print_json(result)
    else:
        show(result)
    if result.promotion and result.promotion.state == "refused":
        raise typer.Exit(NO)


def train(
    settings: Settings,
    dataset: str,
    preset: PresetName,
    families: list[FamilyName] | None = None,
    data: str | None = None,
    promote: bool = True,
) -> "TrainingResult":
    """Run the training flow in this process."""
    check_source(dataset, data)
    with flows_ready(settings):
        from flows.training import training

        return training(dataset, preset, families, data, promote)


def show(result: "TrainingResult") -> None:
    """The leaderboard, the rows, what to know of them, and what became of the champion."""
    from flows.commands.tables import business, leaderboard, print_remarks, tied
    from tasks.artifacts import rows_text

    console, champion = stdout(), result.champion
    console.print(leaderboard(result))
    alike = tied(result)
    if alike:
        console.print(
            f"This test part does not tell {', '.join(alike)} from the champion: the intervals "
            "of their AUC overlap.",
            soft_wrap=True,
        )
    rows, rejected = rows_text(result.rows, result.bad_rates), result.quarantined
    reasons = f" ({rejected.share:.2%}), see {rejected.path}" if rejected.rows else ""
    console.print(f"Rows: {rows}; {rejected.rows:,} rejected{reasons}", soft_wrap=True)
    print_remarks(console, result.warnings, result.notes)
    console.print(business(result))
    console.print(f"Champion:  [bold]{champion.title}[/], version {champion.version}")
    console.print(f"Verdict:   {_verdict(result)}", soft_wrap=True)
    console.print(f"Package:   {result.package.path}", soft_wrap=True)
    for name, path in result.documents.items():
        console.print(f"{name.replace('-', ' ').capitalize()}: {path}", soft_wrap=True)


def _verdict(result: "TrainingResult") -> str:
    """What the gates say, and what became of the champion."""
    from tasks.promotion import state_text

    if result.promotion is None:
        return f"{result.verdict.overall}: {result.verdict.reason}; kept, as --no-promote says"
    return f"version {result.champion.version} {state_text(result.promotion)}"
