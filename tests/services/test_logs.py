"""One JSON object a line, with what an operator looks for and nothing of an applicant."""

import json
import logging
import sys
import time

import pytest

from services.logs import JsonLines
from tests import tiny
from tests.services.test_http import PREDICT

PRIVATE = "a-very-private-word"


def lines(served_home, http) -> list[dict[str, object]]:
    """All lines so far; a line follows its answer, so one more request is waited for."""
    (file,) = (served_home / "logs").iterdir()
    last = http.post(PREDICT, json={"features": tiny.APPLICATION}).json()["id"]
    deadline = time.monotonic() + 20
    while last not in file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_request_is_one_line_with_its_decision(http, served_home, package):
    answer = http.post(PREDICT, json={"features": tiny.APPLICATION}).json()
    (line,) = [line for line in lines(served_home, http) if line.get("decision") == answer["id"]]
    assert line["route"] == PREDICT
    assert (line["method"], line["status"]) == ("POST", 200)
    assert line["version"] == package.digest[:12]
    assert 0 < line["ms"] < 30_000
    assert line["at"].endswith("+00:00")


def test_a_batch_is_one_line_with_the_number_of_its_decisions(http, served_home):
    rows = [{"features": tiny.APPLICATION}] * 7 + [{}]
    http.post("/api/predict/batch", json={"applications": rows})
    *_, line = [
        line for line in lines(served_home, http) if line.get("route") == "/api/predict/batch"
    ]
    assert line["decisions"] == 7


def test_routes_are_templates_and_nothing_that_was_sent_is_logged(http, served_home):
    http.get(f"/api/decisions/{PRIVATE}")
    http.get(f"/{PRIVATE}?{PRIVATE}")
    http.post(PREDICT, json={"features": {**tiny.APPLICATION, "purpose": PRIVATE, PRIVATE: 1}})
    http.post(PREDICT, json={"features": tiny.APPLICATION, "application_id": PRIVATE})
    http.post(PREDICT, content=PRIVATE, headers={"Content-Type": "application/json"})
    review = {"decision_id": PRIVATE, "decision": PRIVATE, "reason": PRIVATE}
    http.post("/api/reviews", json=review, headers={"X-API-Key": PRIVATE})
    logged = lines(served_home, http)
    assert PRIVATE not in json.dumps(logged)
    routes = {line.get("route") for line in logged}
    assert {"/api/decisions/{decision_id}", "other", "/api/reviews"} <= routes


def test_an_exception_is_named_but_its_message_stays_out():
    try:
        raise ValueError(PRIVATE)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), sys.exc_info())
    line = json.loads(JsonLines().format(record))
    assert line["exception"] == "ValueError"
    assert PRIVATE not in json.dumps(line)


@pytest.mark.parametrize("text", ["two\nlines", '"quoted"', "日本"])
def test_a_message_stays_on_its_line(text):
    record = logging.LogRecord("x", logging.INFO, "", 1, "%s", (text,), None)
    formatted = JsonLines().format(record)
    assert "\n" not in formatted
    assert json.loads(formatted)["message"] == text
