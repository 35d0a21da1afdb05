"""creditloop shadow."""

from contextlib import closing
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from configs.settings import Settings, load_settings
from credit.package import VERSION_DIGITS
from credit.policy import DECISIONS
from flows.commands.console import print_json, stdout
from flows.commands.datasets import dataset_name
from flows.commands.errors import UsageError
from flows.packages import find_package_of
from services.fetching import fetch_package
from services.ledger import Deployment, Ledger, open_ledger
from services.ledger.challengers import (
    Challenger,
    challenge,
    current_challenger,
    shadow_comparison,
    stop_challenger,
)
from services.model import NoModelError, not_read_by
from services.people import user


def run(dataset: str | None, digest: str | None, stop: bool, why: str | None, json: bool) -> None:
    """Start or stop the challenger of a data set, or show it beside the champion."""
    settings = load_settings()
    name = dataset_name(dataset, settings)
    if digest and stop:
        raise UsageError("a digest starts a challenger and --stop ends it; say one of both")
    changes = bool(digest or stop)
    if changes and not (why or "").strip():
        raise UsageError('a challenger is started and stopped for a reason; --why "..."')
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        if digest:
            _start(ledger, settings, name, digest, (why or "").strip())
        elif stop:
            _stop(ledger, name, (why or "").strip())
        challenger = current_challenger(ledger, name)
        comparison = _comparison(ledger, name, challenger)
    if json:
        print_json(
            {
                "dataset": name,
                "challenger": _plain(challenger) if challenger else None,
                "comparison": comparison,
            }
        )
    else:
        _show(stdout(), name, challenger, comparison)


def _start(ledger: Ledger, settings: Settings, name: str, digest: str, why: str) -> None:
    package = find_package_of(settings, name, digest)
    champion = _champion(ledger, name)
    if package.digest == champion.digest:
        raise UsageError(f"version {package.digest[:VERSION_DIGITS]} is the champion itself")
    schema = fetch_package(settings.home, champion.uri, champion.digest).schema
    lacking = not_read_by(schema, package.schema)
    if lacking:
        raise UsageError(
            f"version {package.digest[:VERSION_DIGITS]} reads {', '.join(lacking)}, which the "
            "applications to the champion do not have; only promotion can try it"
        )
    uri = (settings.packages / package.digest).relative_to(settings.home).as_posix()
    challenge(ledger, name, package.digest, uri, package.manifest.family, user(), why)


def _champion(ledger: Ledger, name: str) -> Deployment:
    champion = ledger.current(name)
    if champion is None:
        raise NoModelError(f"no model of {name} is in production, so nothing can score beside it")
    return champion


def _stop(ledger: Ledger, name: str, why: str) -> None:
    if current_challenger(ledger, name) is None:
        raise UsageError(f"{name} has no challenger to stop")
    stop_challenger(ledger, name, user(), why)


def _comparison(ledger: Ledger, name: str, challenger: Challenger | None) -> dict[str, Any] | None:
    champion = ledger.current(name)
    if challenger is None or challenger.digest is None or champion is None:
        return None
    return shadow_comparison(ledger, name, challenger.digest, champion.digest)


def _plain(challenger: Challenger) -> dict[str, object]:
    at = challenger.at.isoformat(timespec="seconds")
    return {**asdict(challenger), "id": str(challenger.id), "at": at}


def _show(
    console: Console, name: str, challenger: Challenger | None, comparison: dict[str, Any] | None
) -> None:
    if challenger is None or challenger.digest is None:
        console.print(f"{name} has no challenger; `creditloop shadow DIGEST` starts one")
        return
    console.print(
        f"Version {challenger.digest[:VERSION_DIGITS]} scores beside the champion of {name} since "
        f"{challenger.at:%Y-%m-%d %H:%M} UTC, by {challenger.actor}: {challenger.reason}",
        soft_wrap=True,
        markup=False,
    )
    if not comparison or not comparison["n"]:
        console.print("No application was scored by both so far")
        return
    console.print(_table(comparison))
    rates = comparison["approval_rate"]
    for who in ("champion", "challenger"):
        rate = rates[who]
        console.print(
            f"The {who} approves {rate['rate']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
        )
    correlation = comparison["rank_correlation"]
    console.print(
        f"Mean difference of the probability {comparison['probability_difference']['mean']:+.4f}"
        + ("" if correlation is None else f", rank correlation {correlation:.3f}")
    )


def _table(comparison: dict[str, Any]) -> Table:
    title = f"{comparison['n']:,} applications, {comparison['agreement']:.1%} decided alike"
    table = Table("Champion", *(f"Challenger: {each}" for each in DECISIONS), title=title)
    for decision, row in comparison["decisions"].items():
        table.add_row(decision, *(f"{row[other]:,}" for other in DECISIONS))
    return table
