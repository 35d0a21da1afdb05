"""creditloop refer-all."""

from contextlib import closing

from configs.settings import load_settings
from flows.commands.console import print_json, stdout
from flows.commands.datasets import dataset_name
from flows.commands.errors import UsageError
from services.ledger import open_ledger
from services.ledger.referrals import Referral, current_referral, refer_all
from services.people import user

SWITCH = {"on": True, "off": False}


def run(switch: str | None, why: str | None, dataset: str | None, json: bool) -> None:
    """Move the kill switch, or show where it stands."""
    reason = (why or "").strip()
    if switch is not None and switch not in SWITCH:
        raise UsageError(f"the switch is {' or '.join(SWITCH)}, not {switch!r}")
    if (switch is None) != (not reason):
        raise UsageError('a change needs on or off and its reason; --why "..."')
    settings = load_settings()
    name = dataset_name(dataset, settings)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        referral = (
            refer_all(ledger, name, SWITCH[switch], user(), reason)
            if switch is not None
            else current_referral(ledger, name)
        )
    if json:
        print_json({"dataset": name, "referral": _plain(referral) if referral else None})
    else:
        stdout().print(_sentence(name, referral), soft_wrap=True, markup=False)


def _plain(referral: Referral) -> dict[str, object]:
    return {
        "is_on": referral.is_on,
        "at": referral.at.isoformat(timespec="seconds"),
        "actor": referral.actor,
        "reason": referral.reason,
    }


def _sentence(dataset: str, referral: Referral | None) -> str:
    if referral is None:
        return f"The model decides on applications of {dataset}; it was always so"
    state = "All applications go to a person" if referral.is_on else "The model decides"
    since = f"{referral.at:%Y-%m-%d %H:%M} UTC"
    return f"{dataset}: {state} since {since}, by {referral.actor}: {referral.reason}"
