"""Asking the service for a retraining."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import UUID, uuid4

import pytest

from services.keys import create_key
from services.ledger.retraining import close, find_request
from tests import tiny
from tests.services.conftest import deploy, in_process, settings_in
from tests.services.test_http import assert_problem

PATH = "/api/retrain"
BODY = {"reason": "a new bureau score"}


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    settings = settings_in(tmp_path)
    deploy(settings, tiny.package())
    with in_process(settings, monkeypatch) as (client, worker):
        yield client, worker


@contextmanager
def prefect_that_hears() -> Iterator[tuple[str, list[tuple[str, dict]]]]:
    """Prefect's two routes that a request takes, on a real socket, and what was asked of them."""
    heard: list[tuple[str, dict]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer({"id": "d-1"})

        def do_POST(self):
            length = int(self.headers["content-length"])
            heard.append((self.path, json.loads(self.rfile.read(length))))
            self._answer({"id": "run-1", "state_type": "SCHEDULED", "start_time": None})

        def _answer(self, content):
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_request_is_stored_and_can_be_looked_at(service):
    client, worker = service
    asked = client.post(PATH, json=BODY)
    assert asked.status_code == 202
    answer = asked.json()
    assert (answer["state"], answer["trigger"], answer["is_new"]) == ("requested", "manual", True)
    assert "the next dispatch starts it" in answer["next"]
    again = client.post(PATH, json={"reason": "another"}).json()
    assert (again["id"], again["is_new"]) == (answer["id"], False)
    close(worker.ledger, _id(answer), "refused", "AUC: 0.6", datetime.now(UTC))
    found = client.get(f"{PATH}/{answer['id']}").json()
    assert (found["state"], found["outcome"], found["note"]) == ("closed", "refused", "AUC: 0.6")
    assert [each["kind"] for each in found["events"]] == ["closed"]


def _id(answer) -> UUID:
    return UUID(answer["id"])


def test_the_same_request_with_the_same_word_is_asked_once(service):
    client, worker = service
    headers = {"Idempotency-Key": "march"}
    first = client.post(PATH, json=BODY, headers=headers).json()
    close(worker.ledger, _id(first), "refused", "worse", datetime.now(UTC))
    again = client.post(PATH, json=BODY, headers=headers).json()
    assert (again["id"], again["is_new"], again["state"]) == (first["id"], False, "closed")
    other = client.post(PATH, json={"reason": "another"}, headers=headers)
    assert "another reason under the same Idempotency-Key" in assert_problem(other, 409).detail


@pytest.mark.parametrize("body", [{}, {"reason": " "}, {"reason": "x", "dataset": "y"}, [], 3])
def test_what_is_no_request_is_refused(service, body):
    client, _ = service
    assert_problem(client.post(PATH, json=body), 422)


def test_an_unknown_request_is_not_there(service):
    client, _ = service
    assert_problem(client.get(f"{PATH}/{uuid4()}"), 404)
    assert_problem(client.get(f"{PATH}/none"), 422)


def test_prefect_is_told_at_once_where_it_is_known(service, monkeypatch):
    client, _ = service
    with prefect_that_hears() as (url, heard):
        monkeypatch.setenv("PREFECT_API_URL", url)
        answer = client.post(PATH, json=BODY).json()
    assert answer["next"] == "run run-1 takes it up"
    ((path, content),) = heard
    assert path == "/api/deployments/d-1/create_flow_run"
    assert content["parameters"] == {"request_id": answer["id"], "dataset": tiny.SCHEMA.name}
    assert content["idempotency_key"] == f"retraining {answer['id']}"


def test_a_prefect_that_does_not_answer_loses_nothing(service, monkeypatch):
    client, worker = service
    monkeypatch.setenv("PREFECT_API_URL", "http://user:secret@127.0.0.1:1/api")
    answer = client.post(PATH, json=BODY)
    assert answer.status_code == 202
    assert "the next dispatch starts it: Prefect at" in answer.json()["next"]
    assert "secret" not in answer.text
    assert find_request(worker.ledger, _id(answer.json())).is_open


def test_who_asks_is_who_may_not_approve(service):
    client, worker = service
    token = create_key(worker.ledger, "bob", ("approve",)).token
    reader = create_key(worker.ledger, "eve", ("monitor", "score")).token
    worker.look()
    refused = client.post(PATH, json=BODY, headers={"X-API-Key": reader})
    assert "but this needs approve or admin" in assert_problem(refused, 403).detail
    asked = client.post(PATH, json=BODY, headers={"X-API-Key": token}).json()
    assert asked["requester"] == "bob"
    seen = client.get(f"{PATH}/{asked['id']}", headers={"X-API-Key": reader})
    assert seen.json()["reason"] == BODY["reason"]
