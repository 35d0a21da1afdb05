"""creditloop anchor."""

from contextlib import closing

from configs.settings import load_settings
from flows.commands.console import print_json, stdout
from services.ledger import open_ledger
from services.ledger.anchors import anchor


def run(json: bool) -> None:
    """Anchor all chains."""
    settings = load_settings()
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        path, taken = anchor(ledger, settings.anchors_uri)
    count = sum(stand.count for stand in taken.chains.values())
    if json:
        print_json({"anchor": path, "chains": len(taken.chains), "decisions": count})
    else:
        stdout().print(
            f"{len(taken.chains):,} chains with {count:,} decisions are anchored in {path}",
            soft_wrap=True,
            markup=False,
        )
