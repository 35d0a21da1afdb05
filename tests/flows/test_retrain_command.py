"""`creditloop retrain`, without a Prefect server."""

from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

from configs.settings import load_settings
from services.ledger import open_ledger
from services.ledger.retraining import close, find_request
from tests import tiny

DATASET = tiny.SCHEMA.name


def test_a_request_is_asked_for_once_and_shown(here, tmp_path):
    def command(*arguments):
        return here(tmp_path, "retrain", *arguments, CREDITLOOP_DATASET=DATASET)

    asked = command("--why", "a new bureau score", "--json")
    assert asked.code == 0, asked.err
    request = asked.json["request"]
    assert (request["state"], request["trigger"], request["reason"]) == (
        "requested",
        "manual",
        "a new bureau score",
    )
    assert "next dispatch starts it" in " ".join(asked.err.split())
    again = command()
    assert request["id"] in again.out
    assert "is asked for already" in again.err
    with closing(open_ledger(load_settings(home=tmp_path).ledger_uri)) as ledger:
        found = find_request(ledger, UUID(request["id"]))
        close(ledger, found.id, "escalated", "too few outcomes", datetime.now(UTC))
    assert command("--json").json["request"]["id"] != request["id"]
