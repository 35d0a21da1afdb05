import logging

import pytest
from starlette.testclient import TestClient

from credit.features import Applications
from services.app import create_app
from services.model import CurrentModel, ServedModel
from tests import tiny


@pytest.fixture
def app(tmp_path, monkeypatch, package):
    monkeypatch.setenv("CREDITLOOP_HOME", str(tmp_path))
    current = CurrentModel()
    with TestClient(create_app(current)) as client:
        current.model = ServedModel(package)
        yield client, current.model


def test_a_fault_of_ours_is_a_bare_500_and_logged_without_the_applicant(app, monkeypatch, caplog):
    client, model = app

    def fail(applications: Applications, ask: str) -> None:
        raise RuntimeError(f"cannot score {applications}")

    monkeypatch.setattr(model.underwriter, "judge", fail)
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


def test_a_replaced_model_answers_the_next_request_and_describes_itself(app, package):
    client, model = app
    state = client.app.state
    newer = ServedModel(tiny.package(shift=-3.0))
    before = client.get("/openapi.json").json()["info"]["version"]
    state.current.model = newer
    after = client.get("/openapi.json").json()["info"]["version"]
    answer = client.post("/api/predict", json={"features": tiny.APPLICATION}).json()
    assert (before, after) == (model.version, newer.version)
    assert answer["model"]["version"] == newer.version
    assert answer["probability_of_default"] < 0.486516
