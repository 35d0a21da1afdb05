"""creditloop drift-check."""

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from configs.datasets import load_spec
from configs.settings import load_settings
from credit.package import VERSION_DIGITS
from flows.commands.console import NO, print_json, stdout
from flows.commands.times import time
from flows.local.inprocess import flows_ready
from flows.packages import find_package_of
from services.ledger import open_ledger
from services.ledger.windows import find_window

if TYPE_CHECKING:
    from flows.results import DriftCheckResult


def run(dataset: str | None, at: str | None, json: bool) -> None:
    """Check in this process; exits with 1 when the window or the replay is not as it should be."""
    settings, now = load_settings(), time("--at", at)
    dataset = dataset or settings.dataset
    package = find_package_of(settings, load_spec(dataset).name)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        until = now or datetime.now(UTC)
        find_window(ledger, package.schema.name, package.digest, until, settings.monitoring)
    with flows_ready(settings, "flows.drift_check", tracks=False):
        from flows.drift_check import drift_check

        result = drift_check(dataset, now)
    if json:
        print_json(result)
    else:
        show(result)
    if not result.is_calm:
        raise SystemExit(NO)


def show(result: "DriftCheckResult") -> None:
    """The verdict, the columns that drifted, and what else was found."""
    from flows.commands.tables import drifted_columns
    from tasks.monitoring.findings import minute

    console = stdout()
    console.print(
        f"{result.dataset}, version {result.package[:VERSION_DIGITS]}: {result.rows:,} decisions "
        f"from {minute(result.start)} to {minute(result.end)} UTC",
        soft_wrap=True,
    )
    drift = result.drift
    if result.is_judged:
        console.print(
            f"Drift is [bold]{result.level}[/], score {drift.score:.2f}: {drift.drifted} of "
            f"{len(drift.columns)} columns have drifted. Alert: {result.alert}",
            soft_wrap=True,
        )
    else:
        console.print("These are too few to be judged; the next check has them too.")
    if result.columns:
        console.print(drifted_columns(drift))
    if result.replay:
        console.print(
            f"Replay: {result.replay.rows:,} decisions recomputed, "
            f"{len(result.replay.differing):,} came out otherwise"
        )
    if result.page:
        console.print(f"Page: {result.page}", soft_wrap=True)
