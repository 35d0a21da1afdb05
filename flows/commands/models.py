"""creditloop models."""

from contextlib import closing
from datetime import UTC, datetime

from rich.table import Table

from configs.settings import Settings, load_settings
from credit.package import VERSION_DIGITS, PackageError
from flows.commands.console import print_json, stdout
from flows.commands.datasets import dataset_name
from flows.commands.rows import plain_deployment, plain_promotion
from flows.packages import kept_digests
from services.ledger import Deployment, Promotion, open_ledger
from services.model import how_to_get_one
from services.packages import read_package


def run(dataset: str | None, json: bool) -> None:
    """Show deployments and promotions of a data set, the newest first, and all packages."""
    settings = load_settings()
    name = dataset_name(dataset, settings)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        history, promotions = ledger.history(name), ledger.promotions(name)
        remedy = how_to_get_one(ledger, name)
    packages = [_describe(settings, digest) for digest in kept_digests(settings)]
    if json:
        deployments = [plain_deployment(deployment) for deployment in history]
        print_json(
            {
                "dataset": name,
                "current": deployments[0] if deployments else None,
                "history": deployments,
                "promotions": [plain_promotion(promotion) for promotion in promotions],
                "packages": packages,
            }
        )
        return
    console = stdout()
    if history:
        console.print(_history_table(name, history))
    else:
        console.print(f"No model of {name} is in production; {remedy}", soft_wrap=True)
    if promotions:
        console.print(_promotions_table(name, promotions))
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


def _history_table(name: str, history: list[Deployment]) -> Table:
    table = Table(
        "", "Since (UTC)", "Family", "Version", "By", "Approver", "Why", title=f"{name}: production"
    )
    for position, deployment in enumerate(history):
        table.add_row(
            "★" if position == 0 else "",
            f"{deployment.at:%Y-%m-%d %H:%M}",
            deployment.family,
            deployment.digest[:VERSION_DIGITS],
            deployment.actor,
            deployment.approver or "",
            deployment.reason,
        )
    return table


def _promotions_table(name: str, promotions: list[Promotion]) -> Table:
    table = Table(
        "Asked (UTC)", "Family", "Version", "By", "State", "Why", title=f"{name}: promotions"
    )
    now = datetime.now(UTC)
    for promotion in promotions:
        decision = promotion.decision
        table.add_row(
            f"{promotion.at:%Y-%m-%d %H:%M}",
            promotion.family,
            promotion.digest[:VERSION_DIGITS],
            promotion.requester,
            promotion.state(now)
            + (f" by {decision.key_owner}" if decision and decision.key_owner else ""),
            decision.reason if decision else promotion.verdict["reason"],
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
