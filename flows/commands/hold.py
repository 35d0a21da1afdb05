"""creditloop hold."""

from contextlib import closing

from configs.settings import load_settings
from flows.commands.console import print_json, stdout
from flows.commands.errors import UsageError
from flows.commands.ids import decision_id
from services.ledger import open_ledger
from services.ledger.holds import hold
from services.people import user


def run(decision: str, why: str, lift: bool, json: bool) -> None:
    """Lay a legal hold on a decision, or lift it."""
    if not why.strip():
        raise UsageError('a hold needs its reason; --why "..."')
    with closing(open_ledger(load_settings().ledger_uri)) as ledger:
        row = hold(ledger, decision_id(decision), not lift, user(), why.strip())
    if json:
        print_json(
            {
                "decision": str(row.decision_id),
                "is_on": row.is_on,
                "at": row.at.isoformat(timespec="seconds"),
                "actor": row.actor,
                "reason": row.reason,
            }
        )
    else:
        state = "may be purged again" if lift else "is kept from being purged"
        stdout().print(f"Decision {row.decision_id} {state}", soft_wrap=True)
