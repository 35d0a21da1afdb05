"""What each route answers, over a real server."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services import contract
from services.contract import Explained, Prediction, StoredDecision
from services.ledger import open_ledger
from services.ledger.reports import (
    DriftReport,
    PerformanceReport,
    add_drift_report,
    add_performance_report,
)
from tests import tiny
from tests.services.conftest import settings_in
from tests.services.test_http import PREDICT, assert_problem, samples

GOOD = {**tiny.APPLICATION, "status": 3, "duration": 4, "amount": 100, "bureau score": 1000}
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


def ask(http, features=tiny.APPLICATION, headers=None, **beside) -> httpx.Response:
    return http.post(PREDICT, json={"features": features, **beside}, headers=headers)


def word() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def ledger(served_home):
    with closing(open_ledger(settings_in(served_home).ledger_uri)) as opened:
        yield opened


def test_the_same_application_gets_its_first_answer(http):
    name = word()
    first, again = (ask(http, application_id=name) for _ in range(2))
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = ask(http, {**tiny.APPLICATION, "duration": 12}, application_id=name)
    problem = assert_problem(other, 409)
    assert str(problem.decision_id) == first.json()["id"]
    assert problem.type.endswith("other-content")


def test_the_same_key_gets_the_first_answer_whatever_the_order_of_the_body(http):
    headers = {"Idempotency-Key": word()}
    first = ask(http, headers=headers)
    again = ask(http, dict(reversed(tiny.APPLICATION.items())), headers)
    assert again.json() == first.json()
    explained = ask(http, headers=headers, explain=True).json()
    assert {name: explained[name] for name in first.json()} == first.json()
    assert "explanation" in explained
    assert_problem(ask(http, GOOD, headers), 409)


def test_one_of_many_at_once_is_stored(http, url):
    body = {"features": tiny.APPLICATION, "application_id": word()}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: httpx.post(url + PREDICT, json=body), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_keys_of_another_length(http, key):
    assert_problem(ask(http, headers={"Idempotency-Key": key}), 400)


def test_an_explanation_adds_up_and_stays_out_of_the_ledger(http):
    answer = ask(http, explain=True).json()
    Prediction.model_validate(answer)
    explanation = answer["explanation"]
    total = explanation["base"] + sum(c["contribution"] for c in explanation["contributions"])
    assert total == pytest.approx(explanation["margin"])
    stored = http.get(f"/api/decisions/{answer['id']}").json()
    assert "explanation" not in stored
    approved = ask(http, GOOD, explain=True).json()
    assert approved["decision"] == "approve"
    assert "recourse" not in approved
    assert "explanation" in approved


def test_a_stored_decision_is_explained_like_its_application(http):
    decision = ask(http).json()
    by_id = http.post("/api/explain", json={"decision_id": decision["id"]})
    by_fields = http.post("/api/explain", json={"features": tiny.APPLICATION})
    Explained.model_validate_json(by_id.content, strict=True)
    assert by_fields.json() == {**by_id.json(), "decision_id": None}
    assert by_id.json()["reasons"] == decision["reasons"]
    assert by_id.json()["model"] == decision["model"]
    assert_problem(http.post("/api/explain", json={"decision_id": NOBODY}), 404)
    for wrong in ({"decision_id": "7"}, {"decision_id": NOBODY, "features": {}}, {}, []):
        assert_problem(http.post("/api/explain", json=wrong), 422)


def test_protected_attributes_go_in_and_never_come_out_without_the_role(http, ledger):
    sent = ask(http, protected={"sex": "f", "age": 30}).json()
    assert "protected" not in sent
    assert "protected" not in http.get(f"/api/decisions/{sent['id']}").json()
    refused = http.get(f"/api/decisions/{sent['id']}/protected")
    assert_problem(refused, 401)
    problem = assert_problem(ask(http, protected={"age": "old", "mood": 1}), 422)
    expected = {error.field: error.expected for error in problem.errors}
    assert expected == {
        "protected.age": "an integer",
        "protected.mood": "one of the protected attributes: sex, age",
    }
    nothing = ask(http, protected={}), ask(http, protected=None), ask(http, protected={"sex": None})
    assert {answer.status_code for answer in nothing} == {200}


def test_each_row_of_a_batch_succeeds_or_fails_on_its_own(http):
    name = word()
    rows = [
        {"features": tiny.APPLICATION, "application_id": name},
        {"features": {**tiny.APPLICATION, "duration": 3}},
        {"features": GOOD},
        7,
        {"features": tiny.APPLICATION, "application_id": name},
        {"features": GOOD, "application_id": name},
    ]
    answer = http.post("/api/predict/batch", json={"applications": rows})
    contract.Batch.model_validate_json(answer.content, strict=True)
    found = answer.json()["rows"]
    assert [row["row"] for row in found] == list(range(6))
    assert [row["decision"]["decision"] for row in found if "decision" in row] == [
        "decline",
        "approve",
        "decline",
    ]
    assert [row["problem"]["status"] for row in found if "problem" in row] == [422, 422, 409]
    assert found[0]["decision"]["id"] == found[4]["decision"]["id"]
    assert found[5]["problem"]["decision_id"] == found[0]["decision"]["id"]


def test_a_batch_decides_as_single_requests_do_and_is_repeated_by_its_key(http):
    rows = [{"features": {**tiny.APPLICATION, "duration": 4 + n % 69}} for n in range(600)]
    headers = {"Idempotency-Key": word()}
    first, again = (
        http.post("/api/predict/batch", json={"applications": rows}, headers=headers).json()
        for _ in range(2)
    )
    assert again == first
    alone = ask(http, rows[5]["features"]).json()
    found = first["rows"][5]["decision"]
    assert {**found, "id": "", "decided_at": ""} == {**alone, "id": "", "decided_at": ""}
    assert len({row["decision"]["id"] for row in first["rows"]}) == 600


@pytest.mark.parametrize(
    "body",
    [
        "text",
        [],
        {},
        {"applications": []},
        {"applications": {}},
        {"applications": [1], "more": 1},
        {"applications": [{}] * 10_001},
    ],
)
def test_batches_of_another_shape(http, body):
    assert_problem(http.post("/api/predict/batch", json=body), 422)


def test_outcomes_are_stored_revised_and_known_again(http):
    decision_id = ask(http).json()["id"]

    def report(bad: bool, decision_id: str = decision_id) -> str:
        outcome = {"decision_id": decision_id, "bad": bad, "observed_on": "2026-03-01"}
        answer = http.post("/api/outcomes", json={"outcomes": [outcome]})
        assert answer.status_code == 200, answer.text
        return answer.json()["outcomes"][0]["fate"]

    assert [report(bad) for bad in (False, False, True)] == ["stored", "known", "revised"]
    assert report(True, NOBODY) == "unknown decision"
    stored = http.get(f"/api/decisions/{decision_id}").json()
    assert [outcome["bad"] for outcome in stored["outcomes"]] == [False, True]


def test_a_review_is_kept_with_its_person_and_reason(http):
    decision_id = ask(http).json()["id"]
    asked = {"decision_id": decision_id, "decision": "approve", "reason": "guarantor"}
    review = http.post("/api/reviews", json=asked).json()
    assert review["is_override"] is True
    (stored,) = http.get(f"/api/decisions/{decision_id}").json()["reviews"]
    assert stored == review
    assert_problem(http.post("/api/reviews", json={**asked, "decision_id": NOBODY}), 404)
    for name, wrong in (
        ("reason", " "),
        ("reason", "\x1c"),
        ("reason", "a\0b"),
        ("decision", "review"),
        ("decision_id", 7),
    ):
        problem = assert_problem(http.post("/api/reviews", json={**asked, name: wrong}), 422)
        assert [error.field for error in problem.errors] == [name]


def test_a_decision_is_read_back_as_it_was_answered(http):
    answer = ask(http, application_id=(name := word())).json()
    read = http.get(f"/api/decisions/{answer['id']}")
    StoredDecision.model_validate_json(read.content, strict=True)
    stored = read.json()
    for field in ("id", "decision", "score", "probability_of_default", "reasons"):
        assert stored[field] == answer[field]
    assert stored["application_id"] == name
    assert stored["features"]["applied"] == "2024-05-17"
    assert_problem(http.get(f"/api/decisions/{NOBODY}"), 404)
    problem = assert_problem(http.get("/api/decisions/17"), 422)
    assert [error.field for error in problem.errors] == ["decision_id"]


def test_the_model_says_since_when_and_how_it_decides(http, package):
    answer = http.get("/api/model")
    contract.ServedModel.model_validate_json(answer.content, strict=True)
    served = answer.json()
    assert served["model"]["digest"] == package.digest
    assert served["deployment"]["reason"] == "first model"
    assert served["bands"]["approve_below"] == 0.2
    assert [field["name"] for field in served["fields"]] == list(package.schema.fields)
    history = http.get("/api/model/history")
    contract.History.model_validate_json(history.content, strict=True)
    assert history.json()["deployments"] == [served["deployment"]]


def test_nobody_decides_on_a_promotion_without_a_key(http):
    asked = {"decision": "approve", "reason": "it is better"}
    assert_problem(http.post(f"/api/promotions/{NOBODY}", json=asked), 401)


@pytest.mark.parametrize("text", ["a\0b", "x" * 201, 7])
def test_application_ids_that_the_ledger_could_not_keep(http, text):
    problem = assert_problem(ask(http, application_id=text), 422)
    assert [error.field for error in problem.errors] == ["application_id"]


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE decisions; --", "<script>alert(1)</script>", "日本"]
)
def test_any_text_comes_back_as_it_was(http, text):
    answer = ask(http, {**tiny.APPLICATION, "purpose": text}, application_id=text + word())
    assert answer.json()["application_id"].startswith(text)
    stored = http.get(f"/api/decisions/{answer.json()['id']}")
    assert stored.json()["features"]["purpose"] == text
    assert stored.headers["content-type"] == "application/json"
    assert stored.headers["x-content-type-options"] == "nosniff"


def test_a_body_of_50_mb_is_refused(http):
    for path in (PREDICT, "/api/predict/batch", "/api/explain", "/api/outcomes", "/api/reviews"):
        large = b'{"features": "' + b"x" * 50_000_000 + b'"}'
        answer = http.post(path, content=large, headers={"Content-Type": "application/json"})
        assert_problem(answer, 413)


def test_gauges_of_reports_are_absent_until_there_are_reports(http, ledger, package):
    drift_names = {
        "drift_score",
        "drifted_features_count",
        "drift_alert",
        "drift_check_timestamp_seconds",
    }
    names = {"model_accuracy", "model_auc", *drift_names}
    assert not names & {name for name, _ in samples(http)}
    now, dataset = datetime.now(UTC), tiny.SCHEMA.name
    window = (now - timedelta(days=1), now)
    drift = DriftReport(
        uuid.uuid4(), now, dataset, package.digest, *window, 0.25, "calm", 2, {"alert": "warning"}
    )
    add_drift_report(ledger, drift)
    performance = PerformanceReport(
        uuid.uuid4(), now, dataset, package.digest, *window, 0.75, None, {}
    )
    add_performance_report(ledger, performance)
    found = samples(http)
    assert found["drift_score", frozenset()] == 0.25
    assert found["drifted_features_count", frozenset()] == 2
    assert found["drift_alert", frozenset()] == 1
    assert found["drift_check_timestamp_seconds", frozenset()] == pytest.approx(now.timestamp())
    assert found["model_accuracy", frozenset({("model_type", "woe_logistic")})] == 0.75
    assert not any(name == "model_auc" for name, _ in found)
