import logging

import pytest

from credit.features import Applications
from tests import tiny
from tests.services.conftest import deploy, in_process, settings_in


@pytest.fixture
def app(tmp_path, monkeypatch, package):
    settings = settings_in(tmp_path)
    deploy(settings, package)
    with in_process(settings, monkeypatch) as (client, worker):
        yield client, worker


def test_a_fault_of_ours_is_a_bare_500_and_logged_without_the_applicant(app, monkeypatch, caplog):
    client, worker = app

    def fail(applications: Applications, ask: str) -> None:
        raise RuntimeError(f"cannot score {applications}")

    monkeypatch.setattr(worker.model.underwriter, "judge", fail)
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/api/predict", json={"features": tiny.APPLICATION})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the service failed; see its log",
    }
    (line,) = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR and "failed" in record.getMessage()
    ]
    assert line.startswith("POST /api/predict failed: RuntimeError at ")
    assert "3500" not in caplog.text
    assert 'route="/api/predict",status="500"} 1.0' in client.get("/metrics").text


def test_a_replaced_model_answers_the_next_request_and_describes_itself(app, tmp_path):
    client, worker = app
    newer = tiny.package(shift=-3.0)
    before = client.get("/openapi.json").json()["info"]["version"]
    deploy(settings_in(tmp_path), newer)
    worker.refresh()
    after = client.get("/openapi.json").json()["info"]["version"]
    answer = client.post("/api/predict", json={"features": tiny.APPLICATION}).json()
    assert (before, after) == (tiny.package().digest[:12], newer.digest[:12])
    assert answer["model"]["version"] == newer.digest[:12]
    assert answer["probability_of_default"] < 0.486516
