"""creditloop purge."""

import sys
from contextlib import closing
from datetime import UTC, datetime

import typer

from configs.settings import load_settings
from flows.commands.console import print_json, stdout
from flows.commands.errors import UsageError
from flows.commands.progress import progress
from services.ledger import Ledger, open_ledger
from services.ledger.months import months_after
from services.ledger.retention import Purgeable, count_purgeable, purge
from services.people import user


def run(months: int, dry_run: bool, yes: bool, json: bool) -> None:
    """Purge what is older, or count it."""
    before = months_after(datetime.now(UTC), -months)
    with closing(open_ledger(load_settings().ledger_uri)) as ledger:
        found = count_purgeable(ledger, before)
        if not dry_run:
            _make_sure(found, before, yes)
            found = _purge(ledger, before, found.erased)
    if json:
        print_json(
            {
                "before": before.isoformat(timespec="seconds"),
                "dry_run": dry_run,
                "erased": found.erased,
                "held": found.held,
            }
        )
        return
    verb = "would be" if dry_run else "were"
    stdout().print(
        f"{found.erased:,} decisions before {before:%Y-%m-%d} {verb} erased, {found.held:,} are "
        "under a legal hold"
    )


def _purge(ledger: Ledger, before: datetime, total: int) -> Purgeable:
    with progress("decisions", total) as passed:
        done = purge(ledger, before, user(), passed)
    return Purgeable(done.erased, done.held)


def _make_sure(found: Purgeable, before: datetime, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("a purge cannot be undone: --yes does it, --dry-run counts")
    question = f"Erase {found.erased:,} decisions before {before:%Y-%m-%d} for good?"
    typer.confirm(question, abort=True, err=True)
