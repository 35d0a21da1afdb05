"""A person with an approve key decides on a waiting promotion over HTTP."""

import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from configs.settings import load_settings
from services.contract import Promotion as Answer
from services.keys import create_key
from services.ledger import Candidate, open_ledger
from services.packages import write_package
from tests import tiny
from tests.services.conftest import deploy, in_process
from tests.services.test_http import assert_problem

DATASET = tiny.SCHEMA.name
FIRST, NEXT = tiny.package(), tiny.package(shift=-2.0)
VERDICT = {"overall": "needs approval", "reason": "the adverse-impact ratio is 0.7"}
YES, NO = ({"decision": word, "reason": "committee of May"} for word in ("approve", "reject"))


@contextmanager
def prefect():
    """What Prefect's API is asked, by a server in its place."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def lender(tmp_path, monkeypatch):
    """A service with a model, a ledger, and keys of three people."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    settings = load_settings(home=tmp_path, dataset=DATASET)
    deploy(settings, FIRST)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        keys = {
            name: {"Authorization": f"Bearer {create_key(ledger, name, (role,)).token}"}
            for name, role in (("bo", "approve"), ("ana", "approve"), ("op", "admin"))
        }
        with in_process(settings, monkeypatch) as (client, worker):
            yield client, worker, ledger, keys


def ask_for(worker, ledger, api_url=None, run_id="run-1"):
    path = write_package(worker.settings.packages, NEXT)
    candidate = Candidate(
        dataset=DATASET,
        digest=NEXT.digest,
        uri=str(path.relative_to(worker.settings.home)),
        family="woe_logistic",
        run_id=run_id,
        requester="ana (training deployment)",
        reason="weekly training",
        champion=FIRST.digest,
        api_url=api_url,
    )
    return ledger.request(candidate, VERDICT, "manual", 3)


def test_an_approved_package_serves_and_the_waiting_run_is_told(lender):
    client, worker, ledger, keys = lender
    with prefect() as (api_url, asked):
        promotion = ask_for(worker, ledger, api_url)
        path = f"/api/promotions/{promotion.id}"
        answer = client.post(path, json=YES, headers=keys["bo"])
        assert answer.status_code == 200, answer.text
        assert asked == ["/api/flow_runs/run-1/resume"]
        again = client.post(path, json=YES, headers=keys["bo"])
    Answer.model_validate_json(answer.content, strict=True)
    decided = answer.json()
    assert again.json() == decided
    assert (decided["state"], decided["decided_by"]) == ("approved", "bo")
    assert decided["reason"] == "committee of May"
    assert decided["deployment"]["approver"] == "bo"
    assert decided["note"] is None
    worker.refresh()
    health = client.get("/health").json()
    assert health["model"]["digest"] == NEXT.digest
    assert_problem(client.post(path, json=NO, headers=keys["bo"]), 409)


def test_a_run_that_cannot_be_told_is_a_note(lender):
    client, worker, ledger, keys = lender
    promotion = ask_for(worker, ledger, "http://user:secret@127.0.0.1:1/api")
    answer = client.post(f"/api/promotions/{promotion.id}", json=NO, headers=keys["bo"]).json()
    assert (answer["state"], answer["deployment"]) == ("rejected", None)
    assert "press Resume" in answer["note"]
    assert "secret" not in json.dumps(answer)
    assert ledger.current(DATASET).digest == FIRST.digest


def test_neither_the_requester_nor_an_admin_approves(lender):
    client, worker, ledger, keys = lender
    path = f"/api/promotions/{ask_for(worker, ledger).id}"
    assert (
        "another person"
        in assert_problem(client.post(path, json=YES, headers=keys["ana"]), 409).detail
    )
    assert_problem(client.post(path, json=YES, headers=keys["op"]), 403)
    assert_problem(client.post(path, json=YES), 401)
    assert ledger.current(DATASET).digest == FIRST.digest


def test_a_package_that_does_not_verify_is_not_let_in(lender):
    client, worker, ledger, keys = lender
    promotion = ask_for(worker, ledger)
    (worker.settings.home / promotion.uri / "model.onnx").write_bytes(b"changed")
    refused = client.post(f"/api/promotions/{promotion.id}", json=YES, headers=keys["bo"])
    assert assert_problem(refused, 409).type.endswith("package")
    assert ledger.current(DATASET).digest == FIRST.digest


def test_a_decision_needs_its_reason_and_a_promotion(lender):
    client, worker, ledger, keys = lender
    path = f"/api/promotions/{ask_for(worker, ledger).id}"
    for wrong in ({"decision": "approve"}, {**YES, "reason": " "}, {**YES, "decision": "lapse"}):
        assert_problem(client.post(path, json=wrong, headers=keys["bo"]), 422)
    nowhere = "/api/promotions/01890a5d-ac96-774b-bcce-b302099a8057"
    assert_problem(client.post(nowhere, json=YES, headers=keys["bo"]), 404)
