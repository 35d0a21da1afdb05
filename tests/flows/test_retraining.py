"""From a request to a new champion: a real Prefect server and worker, with the clock set."""

import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from configs.settings import load_settings
from services.ledger import open_ledger
from services.ledger.retraining import NewRequest, ask, close, find_request, start
from services.retraining import create_run
from services.runs import Prefect
from tests.flows import matured
from tests.flows.conftest import DATASET
from tests.flows.test_up import FINAL, run_deployment, training_run  # noqa: F401  a fixture

pytestmark = pytest.mark.stack

ROWS, WAIT_SECONDS = 1600, 300
WANTED = NewRequest(DATASET, "drift", "drift 0.8 for a day", "drift check", "drift at 2")


@pytest.fixture(scope="module")
def settings(up, training_run):  # noqa: F811  the fixture by its name
    return load_settings(home=up.home, dataset=DATASET)


@pytest.fixture(scope="module")
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


def wait_until_closed(ledger, request):
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = find_request(ledger, request.id)
        if not found.is_open:
            return found
        time.sleep(1)
    raise AssertionError(f"it is still {found.state}")


def test_dispatch_has_a_worker_retrain_and_the_new_model_comes_into_production(
    api, up, settings, ledger
):
    first = ledger.current(DATASET)
    matured.decide(ledger, DATASET, settings, ROWS)
    now = datetime.now(UTC) + matured.YEAR
    request, _ = ask(ledger, WANTED, now, 24)
    clock = {"dataset": DATASET, "now": now.isoformat()}
    assert run_deployment(api, "dispatch", clock)["state_type"] == "COMPLETED"
    closed = wait_until_closed(ledger, request)
    assert closed.last.outcome == "promoted", closed.last.note
    current = ledger.current(DATASET)
    assert (current.digest, current.actor) == (closed.last.digest, "drift check")
    assert f"retrain request {request.id} (drift): drift 0.8 for a day" in current.reason
    assert ledger.history(DATASET)[1] == first
    (run_id,) = closed.run_ids
    run = api.get(f"/flow_runs/{run_id}").json()
    assert run["name"] == f"retrain {DATASET}"
    assert run["deployment_id"]
    # Asked for once more, nothing happens: there is no open request.
    assert run_deployment(api, "dispatch", clock)["state_type"] == "COMPLETED"
    assert find_request(ledger, request.id) == closed


def test_two_that_start_a_run_start_the_same_and_a_dead_one_is_followed_by_another(
    api, up, settings, ledger
):
    wanted = NewRequest(DATASET, "manual", "a rehearsal", "ana", "word")
    request, _ = ask(ledger, wanted, datetime.now(UTC), 24)
    prefect = Prefect(up.api)
    run = create_run(prefect, request)
    assert create_run(prefect, request).id == run.id
    prefect.crash(run, "its process is gone")
    other = create_run(prefect, request)
    assert other.id != run.id
    assert create_run(prefect, request).id == other.id
    start(ledger, request.id, other.id, datetime.now(UTC))
    close(ledger, request.id, "cancelled", "the end of the rehearsal", datetime.now(UTC))
    deadline = time.monotonic() + WAIT_SECONDS
    while api.get(f"/flow_runs/{other.id}").json()["state_type"] not in FINAL:
        assert time.monotonic() < deadline
        time.sleep(1)
    assert find_request(ledger, request.id).last.outcome == "cancelled"


def test_the_automation_on_critical_drift_is_there_and_off(api):
    wanted = {"automations": {"name": {"any_": ["creditloop-retrain-on-critical-drift"]}}}
    (automation,) = api.post("/automations/filter", json=wanted).json()
    assert automation["enabled"] is False
    assert automation["trigger"]["expect"] == ["creditloop.drift.checked"]
