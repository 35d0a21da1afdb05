"""creditloop rollback."""

from contextlib import closing

from configs.settings import load_settings
from credit.package import VERSION_DIGITS
from flows.commands.console import print_json, stderr, stdout
from flows.commands.datasets import dataset_name
from flows.commands.errors import UsageError
from flows.commands.followers import follow
from flows.commands.rows import plain_deployment
from services.fetching import fetch_package
from services.ledger import open_ledger
from services.people import user
from services.promoting import waiting


def run(dataset: str | None, why: str, to: str | None, json: bool) -> None:
    """Put the model before the current one, or an earlier one, back in production."""
    settings = load_settings()
    name = dataset_name(dataset, settings)
    if not why.strip():
        raise UsageError('a rollback needs its reason; --why "..."')
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        leaving, waited = ledger.current(name), waiting(ledger.promotions(name))
        target = ledger.rollback_target(name, to)
        fetch_package(settings.home, target.uri, target.digest)
        deployment = ledger.roll_back(leaving or target, target, user(), why.strip())
        notes = follow(ledger, name, waited, settings)
    if json:
        print_json({"deployment": plain_deployment(deployment), "notes": notes})
        return
    stdout().print(
        f"Version {deployment.digest[:VERSION_DIGITS]} of {name} is in production again",
        soft_wrap=True,
    )
    for note in notes:
        stderr().print(f"Note: {note}", soft_wrap=True, markup=False)
