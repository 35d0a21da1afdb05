"""creditloop score."""

import csv
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.table import Table

from configs.settings import load_settings
from credit.package import VERSION_DIGITS, Package
from flows.commands.console import NO, print_json, stderr, stdout
from flows.commands.datasets import dataset_name
from flows.commands.scores import Score, score_file
from flows.packages import find_package
from tasks.files import replacing

MOST_SHOWN = 20


def run(
    file: str, dataset: str | None, digest: str | None, output: Path | None, json: bool
) -> None:
    """Score a file; exits with 1 when no row could be scored."""
    settings = load_settings()
    package = find_package(settings, dataset_name(dataset, settings), digest)
    scores = score_file(file, package)
    if output:
        _write(scores, output)
    if json:
        print_json(_as_object(scores, package))
    else:
        _show(scores, package, output)
    if all(score.probability_of_default is None for score in scores):
        raise SystemExit(NO)


def _as_object(scores: Sequence[Score], package: Package) -> dict[str, object]:
    scored = sum(score.probability_of_default is not None for score in scores)
    return {
        "dataset": package.manifest.dataset,
        "family": package.manifest.family,
        "version": package.digest[:VERSION_DIGITS],
        "digest": package.digest,
        "scored": scored,
        "rejected": len(scores) - scored,
        "scores": [score.as_dict() for score in scores],
    }


def _show(scores: Sequence[Score], package: Package, output: Path | None) -> None:
    table = Table("Row or id", "Decision", "Score", "Probability of default", "Reasons", box=None)
    for score in scores[:MOST_SHOWN]:
        table.add_row(score.id or str(score.row), *_cells(score))
    stdout().print(table)
    rejected = sum(score.probability_of_default is None for score in scores)
    where = f"; all are in {output}" if output else "; --output FILE.csv or --json gives all"
    stderr().print(
        f"{len(scores) - rejected:,} of {len(scores):,} rows scored by {package.manifest.family} "
        f"{package.digest[:VERSION_DIGITS]}, {rejected:,} rejected"
        + (where if output or len(scores) > MOST_SHOWN else ""),
        soft_wrap=True,
    )


def _cells(score: Score) -> tuple[str, ...]:
    if score.problem is not None:
        return "rejected", "", "", score.problem
    probability = f"{score.probability_of_default:.6f}"
    return str(score.decision), str(score.score), probability, "; ".join(score.reasons)


def _write(scores: Sequence[Score], output: Path) -> None:
    with replacing(output) as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Score)])
        writer.writeheader()
        writer.writerows(
            {**score.as_dict(), "reasons": "; ".join(score.reasons)} for score in scores
        )
