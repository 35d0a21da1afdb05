"""`creditloop evaluate --matured`: what it says, leaves in the ledger and shows in Prefect."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.ledger import open_ledger
from services.ledger.months import months_after
from services.ledger.reports import newest_performance_report
from tests import tiny
from tests.flows.command import creditloop_here
from tests.services.conftest import deploy, settings_in
from tests.tasks.monitoring.lending import applications, come_true, lend

DATASET = tiny.SCHEMA.name
PACKAGE = tiny.package()


@pytest.fixture
def evaluate(up, capfd, spec, monkeypatch):
    """The command in this process, with the servers' API."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def run(home: Path, *arguments: object, **variables: str):
        asked = ("evaluate", "--matured", "--dataset", spec, *arguments)
        return creditloop_here(home, up.api, capfd, *asked, **variables)

    return run


@pytest.fixture
def lender(tmp_path) -> Path:
    """A home whose model has lent, and whose loans went bad twice as often as it said."""
    settings = settings_in(tmp_path)
    deploy(settings, PACKAGE)
    today = datetime.now(UTC)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        decided = lend(ledger, PACKAGE, today, applications(1200))
        come_true(ledger, decided, today, times=2.0)
    return tmp_path


def matured(home: Path) -> str:
    months = settings_in(home).monitoring.horizon_months
    return (months_after(datetime.now(UTC), months) + timedelta(days=2)).isoformat()


def artifact(api, key: str):
    asked = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
    (found,) = api.post("/artifacts/filter", json=asked).raise_for_status().json()
    return found


def report(home: Path):
    with closing(open_ledger(settings_in(home).ledger_uri)) as ledger:
        return newest_performance_report(ledger, DATASET)


def test_it_measures_stores_and_shows_and_again_stores_nothing(lender, evaluate, api):
    at = matured(lender)
    first, again = (evaluate(lender, "--at", at, "--json") for _ in range(2))
    assert (first.code, again.code) == (0, 0), first.err
    said = first.json
    assert again.json == {**said, "run_id": again.json["run_id"]}
    stored = report(lender)
    assert said["report_id"] == str(stored.id)
    assert said["rows"] == stored.report["overall"]["rows"] > 200
    assert said["auc"] == stored.auc
    assert said["observed_to_expected"]["low"] > 1.2
    assert stored.digest == PACKAGE.digest
    text = artifact(api, f"{DATASET}-performance")["data"]
    assert f"**Within the policy** ({said['rows']:,} rows)" in text
    assert "Outcomes exist only for approved applicants." in text
    assert "**Fairness**: protected attributes are read with a key" in text
    vintages = json.loads(artifact(api, f"{DATASET}-vintages")["data"])
    assert [each["Vintage"] for each in vintages] == [f"{datetime.now(UTC):%Y-%m}"]


def test_too_few_outcomes_are_said(lender, evaluate):
    outcome = evaluate(lender)
    assert outcome.code == 0, outcome.err
    assert "0 matured outcomes" in outcome.out
    assert "too few to measure more than the bad rate" in outcome.out
    assert report(lender).auc is None


def test_it_reads_the_ledger_and_nothing_else(lender, evaluate):
    outcome = evaluate(lender, "--data", "loans.csv")
    assert outcome.code == 2
    assert "--matured reads the ledger" in outcome.err


def test_a_time_without_matured_is_refused(lender, up, capfd):
    outcome = creditloop_here(lender, up.api, capfd, "evaluate", "--at", "2026-03-01")
    assert outcome.code == 2
    assert "--at is for --matured" in outcome.err
