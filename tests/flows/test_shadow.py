"""creditloop shadow: a challenger is started, compared and stopped, each with a reason."""

import asyncio
from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from configs.settings import load_settings
from services.ledger import open_ledger
from services.ledger.challengers import ShadowDecision, current_challenger, store_shadow
from services.ledger.journal import Journal, NewDecision
from services.packages import write_package
from tests import tiny
from tests.flows.command import creditloop_here

DATASET = tiny.SCHEMA.name
CHAMPION, CHALLENGER = (tiny.package(shift=shift) for shift in (-1.0, -2.0))


@pytest.fixture
def settings(tmp_path):
    settings = load_settings(home=tmp_path, dataset=DATASET)
    for package in (CHAMPION, CHALLENGER):
        write_package(settings.packages, package)
    return settings


@pytest.fixture
def ledger(settings):
    return open_ledger(settings.ledger_uri)


@pytest.fixture
def champion(ledger):
    uri = f"packages/{CHAMPION.digest}"
    return ledger.deploy(DATASET, CHAMPION.digest, uri, "xgboost", "test", "first model")


@pytest.fixture
def command(settings, capfd):
    def run(*arguments):
        return creditloop_here(
            settings.home, "", capfd, "shadow", *arguments, CREDITLOOP_DATASET=DATASET
        )

    return run


def test_a_challenger_is_started_shown_and_stopped(command, ledger, champion):
    started = command(CHALLENGER.digest[:8], "--why", "it may be better", "--json").json
    assert started["challenger"]["digest"] == CHALLENGER.digest
    assert started["challenger"]["uri"] == f"packages/{CHALLENGER.digest}"
    assert started["comparison"] == {"scored": 0, "n": 0}
    shown = command()
    assert f"Version {CHALLENGER.digest[:12]} scores beside the champion" in shown.out
    assert "No application was scored by both so far" in shown.out
    stopped = command("--stop", "--why", "seen enough", "--json").json
    assert stopped == {"dataset": DATASET, "challenger": None, "comparison": None}
    assert current_challenger(ledger, DATASET) is None
    assert "has no challenger; `creditloop shadow DIGEST` starts one" in command().out


def test_both_are_compared(command, ledger, champion):
    command(CHALLENGER.digest, "--why", "it may be better")
    now = datetime.now(UTC)
    rows = [
        NewDecision(uuid7(), now, DATASET, CHAMPION.digest, pd, 600, "approve", "{}")
        for pd in (0.1, 0.2)
    ]
    journal = Journal(ledger.engine, most_waiting=10)
    asyncio.run(journal.store(rows))
    journal.close()
    store_shadow(
        ledger,
        [
            ShadowDecision(rows[0].id, CHALLENGER.digest, now, 0.15, 600, "approve"),
            ShadowDecision(rows[1].id, CHALLENGER.digest, now, 0.45, 500, "decline"),
        ],
    )
    comparison = command("--json").json["comparison"]
    assert (comparison["n"], comparison["agreement"]) == (2, 0.5)
    assert comparison["decisions"]["approve"] == {"approve": 1, "review": 0, "decline": 1}
    shown = command().out
    assert "2 applications, 50.0% decided alike" in shown
    assert "The champion approves 100.0% (34.2% to 100.0%)" in shown
    assert "The challenger approves 50.0% (9.5% to 90.5%)" in shown
    assert "Mean difference of the probability +0.1500, rank correlation 1.000" in shown


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((CHALLENGER.digest,), 'for a reason; --why "..."'),
        (("--stop",), 'for a reason; --why "..."'),
        (("--stop", "--why", "x"), "tiny-credit has no challenger to stop"),
        ((CHALLENGER.digest, "--stop", "--why", "x"), "say one of both"),
        ((CHAMPION.digest, "--why", "x"), "is the champion itself"),
        (("nonsense", "--why", "x"), "0 packages have a digest that begins with 'nonsense'"),
    ],
)
def test_what_makes_no_sense_is_refused(command, champion, arguments, problem):
    refused = command(*arguments)
    assert refused.code in (1, 2)
    assert problem in refused.error_lines[-1]


def test_without_a_champion_there_is_nothing_to_score_beside(command):
    refused = command(CHALLENGER.digest, "--why", "x")
    assert refused.code == 1
    assert "no model of tiny-credit is in production" in refused.error_lines[-1]
