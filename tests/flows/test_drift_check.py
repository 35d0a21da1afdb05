"""The drift check with real servers: what it leaves in the ledger, in Prefect and with people."""

import json
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from configs.settings import load_settings
from credit.features import Applications
from flows.local.switches import DRIFT_CHECK, set_switches
from services.ledger import open_ledger
from services.ledger.anchors import read_anchors
from services.ledger.reports import drift_history
from tests import tiny
from tests.flows.command import creditloop_here
from tests.services.conftest import deploy, settings_in
from tests.services.deciding import DATASET, NOW
from tests.tasks.monitoring.receivers import http_receiver
from tests.traffic import decide_on

AMOUNT = tiny.SCHEMA.number_fields.index("amount")
AT = NOW.isoformat()
DAY = timedelta(days=1)
WAIT_SECONDS = 200
END_STATES = {"COMPLETED", "FAILED", "CRASHED"}


def shifted(rows: int, seed: int) -> Applications:
    drawn = tiny.applications(rows, seed)
    numbers = drawn.numbers.copy()
    numbers[:, AMOUNT] += 400
    return Applications(numbers, drawn.categories)


@pytest.fixture
def lender(tmp_path, monkeypatch) -> Path:
    """A home whose model decided on a night of normal and a night of shifted applications."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fill(tmp_path)
    return tmp_path


def fill(home: Path) -> None:
    settings, package = settings_in(home), tiny.package()
    deploy(settings, package)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        decide_on(ledger, package, tiny.applications(300, 1), NOW - DAY / 2)
        decide_on(ledger, package, shifted(300, 2), NOW + DAY / 2)


@pytest.fixture
def check(up, capfd, spec):
    """`creditloop drift-check`, in this process and with the servers' API."""

    def run(home: Path, *arguments: object, **variables: str):
        asked = ("drift-check", "--dataset", spec, *arguments)
        return creditloop_here(home, up.api, capfd, *asked, **variables)

    return run


def reports(home: Path):
    with closing(open_ledger(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        return drift_history(ledger, DATASET, NOW - DAY)


def artifact(api, key: str):
    asked = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
    (found,) = api.post("/artifacts/filter", json=asked).raise_for_status().json()
    return found


def events(api, alert: str):
    asked = {"filter": {"event": {"name": ["creditloop.drift.checked"]}}}
    found = api.post("/events/filter", json=asked).raise_for_status().json()["events"]
    return [each for each in found if each["resource"]["creditloop.alert"] == alert]


def wait_for(what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found


def test_a_calm_night_tells_nobody_and_a_shift_everybody(lender, check, api):
    with http_receiver() as received:
        notified = {
            "CREDITLOOP_MONITORING__NOTIFY": json.dumps(
                [f"{scheme}://127.0.0.1:{received.port}/T0K3N" for scheme in ("http", "slack+http")]
            )
        }
        calm = check(lender, "--at", AT, "--json", **notified)
        assert (calm.code, received.bodies) == (0, []), calm.err
        shift = check(lender, "--at", (NOW + DAY).isoformat(), "--json", **notified)
        assert shift.code == 1, shift.err
    assert "T0K3N" not in calm.err + shift.err
    said = shift.json
    assert (said["level"], said["alert"], said["rows"]) == ("critical", "critical", 300)
    assert "amount" in said["columns"]
    assert said["replay"] == {"rows": 600, "differing": []}
    assert said["problems"] == []
    first, second = reports(lender)
    assert (first.level, second.level) == ("calm", "critical")
    assert second.score == said["drift"]["score"]
    facts, slack = received.bodies
    assert (facts["alert"], facts["before"], facts["window"]["rows"]) == ("critical", "calm", 300)
    assert slack["text"].startswith(f"*{DATASET}: drift is critical*")
    summary = artifact(api, f"{DATASET}-drift")["data"]
    assert summary.startswith(f"**{DATASET}: drift is critical**")
    assert artifact(api, f"{DATASET}-drift-columns")["data"].count('"Drifted": "yes"') >= 1
    assert said["page"] in artifact(api, f"{DATASET}-drift-page")["data"]
    assert Path(said["page"]).is_file()
    (event,) = wait_for(lambda: events(api, "critical"))
    assert event["resource"]["prefect.resource.id"] == f"creditloop.dataset.{DATASET}"
    assert event["payload"]["score"] == said["drift"]["score"]
    assert len(read_anchors(str(lender / "anchors"))) == 2


def test_a_check_again_stores_nothing_twice(lender, check):
    first, again = (check(lender, "--at", AT) for _ in range(2))
    assert (first.code, again.code) == (0, 0), again.err
    assert first.out.splitlines()[:2] == again.out.splitlines()[:2]
    assert first.out.splitlines()[1].startswith("Drift is calm, score 0.00: 0 of ")
    assert len(reports(lender)) == 1
    early = check(lender, "--at", (NOW - DAY / 2).isoformat())
    assert (early.code, "name a later time" in early.err) == (1, True)


def test_what_fails_is_said_and_stops_nothing_else(lender, check):
    taken = lender / "taken"
    taken.touch()
    outcome = check(
        lender,
        "--at",
        AT,
        "--json",
        CREDITLOOP_LEDGER_ANCHORS=str(taken / "anchors"),
        CREDITLOOP_MONITORING__NOTIFY='["http://127.0.0.1:9/T0K3N"]',
    )
    assert outcome.code == 1
    anchored, told = outcome.json["problems"]
    assert anchored.startswith("the step 'anchor chains' failed: anchors at ")
    assert told == "the step 'notify' failed: 127.0.0.1 is out of reach (ConnectError)"
    assert "T0K3N" not in outcome.err
    assert outcome.json["level"] == "calm"
    assert Path(outcome.json["page"]).is_file()
    assert len(reports(lender)) == 1


def test_a_time_that_is_none(lender, check):
    outcome = check(lender, "--at", "yesterday")
    assert outcome.code == 2
    assert "--at 'yesterday' is no time; expected one such as" in outcome.err


def test_without_a_model_it_says_so(tmp_path, check):
    outcome = check(tmp_path)
    assert outcome.code == 1
    assert "creditloop train" in outcome.err


@pytest.mark.timeout(400)
def test_a_scheduled_run_that_begins_late_ends_its_window_when_it_was_due(up, api, spec):
    fill(up.home)
    deployment = api.get(f"/deployments/name/{DRIFT_CHECK}").raise_for_status().json()
    due = {"type": "SCHEDULED", "state_details": {"scheduled_time": AT}}
    run = api.post(
        f"/deployments/{deployment['id']}/create_flow_run",
        json={"parameters": {"dataset": str(spec)}, "state": due},
    ).raise_for_status()
    done = wait_for(lambda: ended(api, run.json()["id"]))
    assert done["state_type"] == "COMPLETED", done["state"]["message"]
    assert done["name"] == f"drift check {spec}"
    (report,) = reports(up.home)
    assert (report.window_end, report.level) == (NOW, "calm")


def ended(api, run: str):
    """The run once it has ended; Prefect's SQLite is locked now and then."""
    answer = api.get(f"/flow_runs/{run}")
    is_over = answer.is_success and answer.json()["state_type"] in END_STATES
    return answer.json() if is_over else None


@pytest.mark.timeout(400)
def test_the_hourly_schedule_follows_the_settings(up, api):
    def active():
        found = wait_for(
            lambda: api.get(f"/deployments/name/{DRIFT_CHECK}").json().get("schedules")
        )
        return {each["slug"]: each["active"] for each in found}

    assert active() == {"nightly": True, "hourly": False}
    hourly = load_settings(home=up.home, monitoring={"hourly": True})
    set_switches(hourly, up.api)
    assert active() == {"nightly": True, "hourly": True}
    set_switches(load_settings(home=up.home), up.api)
    assert active() == {"nightly": True, "hourly": False}
