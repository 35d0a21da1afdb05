"""creditloop models."""

from dataclasses import asdict

from rich.table import Table

from configs.settings import Settings, load_settings
from credit.package import PackageError
from flows.commands.console import print_json, stdout
from flows.commands.datasets import dataset_name
from flows.packages import kept_digests
from services.ledger import Deployment, open_ledger
from services.model import VERSION_DIGITS
from services.packages import read_package


def run(dataset: str | None, json: bool) -> None:
    """Show deployments of a data set, the newest first, and all packages."""
    settings = load_settings()
    name = dataset_name(dataset, settings)
    ledger = open_ledger(settings.ledger_uri)
    try:
        history = ledger.history(name)
    finally:
        ledger.close()
    packages = [_describe(settings, digest) for digest in kept_digests(settings)]
    if json:
        deployments = [_plain(deployment) for deployment in history]
        current = deployments[0] if deployments else None
        print_json(
            {"dataset": name, "current": current, "history": deployments, "packages": packages}
        )
        return
    console = stdout()
    if history:
        console.print(_history_table(name, history))
    else:
        console.print(
            f"No model of {name} is in production; run `creditloop train --dataset {name}`"
        )
    if packages:
        console.print(_packages_table(packages))


def _describe(settings: Settings, digest: str) -> dict[str, str]:
    try:
        manifest = read_package(settings.packages / digest, digest).manifest
    except PackageError as error:
        return {"digest": digest, "dataset": "", "family": "", "problem": str(error)}
    return {
        "digest": digest,
        "dataset": manifest.dataset,
        "family": manifest.family,
        "problem": "",
    }


def _plain(deployment: Deployment) -> dict[str, object]:
    return {
        **asdict(deployment),
        "id": str(deployment.id),
        "at": deployment.at.isoformat(timespec="seconds"),
    }


def _history_table(name: str, history: list[Deployment]) -> Table:
    table = Table("", "Since (UTC)", "Family", "Version", "By", "Why", title=f"{name}: production")
    for position, deployment in enumerate(history):
        table.add_row(
            "★" if position == 0 else "",
            f"{deployment.at:%Y-%m-%d %H:%M}",
            deployment.family,
            deployment.digest[:VERSION_DIGITS],
            deployment.actor,
            deployment.reason,
        )
    return table


def _packages_table(packages: list[dict[str, str]]) -> Table:
    table = Table("Version", "Data set", "Family", "Problem", title="Packages")
    for package in packages:
        table.add_row(
            package["digest"][:VERSION_DIGITS],
            package["dataset"],
            package["family"],
            package["problem"],
        )
    return table
