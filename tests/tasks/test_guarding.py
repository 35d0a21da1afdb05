"""The guard of a new champion, on a real ledger and beside a real service."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from prefect.logging import disable_run_logger

from credit.guard import Traffic
from services.ledger import open_ledger
from services.ledger.challengers import (
    ShadowDecision,
    challenge,
    current_challenger,
    store_shadow,
)
from services.serve import running_service
from tasks import guarding
from tasks.guarding import GUARD, guard, read_traffic
from tests import tiny
from tests.services.conftest import deploy, settings_in
from tests.services.deciding import new_decision, store

OLD, NEW = tiny.package(), tiny.package(shift=-1.2)
NOTHING = ({}, {})


@pytest.fixture
def settings(tmp_path):
    settings = settings_in(tmp_path)
    for package in (OLD, NEW):
        deploy(settings, package)
    return settings


@pytest.fixture
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No server of Prefect's is needed to look at a champion."""
    monkeypatch.setattr(guarding, "create_markdown_artifact", lambda *_, **__: None)
    with disable_run_logger():
        yield


def look(ledger, settings, minutes: float = 1):
    return guard.fn(settings.dataset, ledger, settings, datetime.now(UTC) + minutes * MINUTE)


MINUTE = timedelta(minutes=1)


def decided(ledger, settings, approved: int, rows: int = 400, former: int | None = None) -> None:
    """Decisions of the new champion, and of the former one beside it where `former` is given."""
    made = [
        new_decision(
            dataset=settings.dataset,
            digest=NEW.digest,
            decision="approve" if row < approved else "decline",
        )
        for row in range(rows)
    ]
    store(ledger, made)
    if former is None:
        return
    beside = [
        ShadowDecision(
            each.id, OLD.digest, each.at, 0.1, 600, "approve" if row < former else "decline"
        )
        for row, each in enumerate(made)
    ]
    store_shadow(ledger, beside)


def test_a_champion_that_approves_as_the_former_one_stays_and_the_former_scores_beside_it(
    ledger, settings, monkeypatch
):
    monkeypatch.setattr(guarding, "_traffic", lambda _: NOTHING)
    decided(ledger, settings, approved=250, former=240)
    assert look(ledger, settings) is None
    assert ledger.current(settings.dataset).digest == NEW.digest
    beside = current_challenger(ledger, settings.dataset)
    assert (beside.digest, beside.actor) == (OLD.digest, GUARD)
    assert look(ledger, settings, minutes=61) is None
    assert current_challenger(ledger, settings.dataset) is None


def test_one_that_approves_far_fewer_of_the_same_applicants_is_taken_back_once(
    ledger, settings, monkeypatch
):
    monkeypatch.setattr(guarding, "_traffic", lambda _: NOTHING)
    decided(ledger, settings, approved=100, former=300)
    row = look(ledger, settings)
    assert (row.digest, row.action, row.actor) == (OLD.digest, "rollback", GUARD)
    assert "it approves 25.0% of 400, the former champion 75.0% of 400" in row.reason
    assert current_challenger(ledger, settings.dataset) is None
    assert look(ledger, settings) is None
    assert len(ledger.history(settings.dataset)) == 3


def test_other_applicants_alone_are_told_from_another_model(ledger, settings, monkeypatch):
    """The former champion scores the same applicants: both approve few of them."""
    monkeypatch.setattr(guarding, "_traffic", lambda _: NOTHING)
    old = [
        new_decision(dataset=settings.dataset, digest=OLD.digest, decision="approve")
        for _ in range(400)
    ]
    store(ledger, old)
    decided(ledger, settings, approved=100, former=105)
    assert look(ledger, settings) is None


def test_scores_that_are_not_those_of_the_shadow_take_it_back(ledger, settings, monkeypatch):
    monkeypatch.setattr(guarding, "_traffic", lambda _: NOTHING)
    before = [new_decision(dataset=settings.dataset, digest=OLD.digest) for _ in range(400)]
    store(ledger, before)
    swapped = ledger.current(settings.dataset).at - MINUTE
    shadow = [
        ShadowDecision(each.id, NEW.digest, swapped, value, 600, "approve")
        for each, value in zip(before, np.linspace(0.3, 0.6, 400).tolist(), strict=True)
    ]
    store_shadow(ledger, shadow)
    decided(ledger, settings, approved=300)  # all with a probability of 0.25
    assert "its scores are not those it gave in the shadow" in look(ledger, settings).reason


def test_a_persons_challenger_is_left_alone(ledger, settings, monkeypatch):
    monkeypatch.setattr(guarding, "_traffic", lambda _: NOTHING)
    third = tiny.package(shift=-2.0)
    challenge(ledger, settings.dataset, third.digest, "x", "woe_logistic", "ana", "to compare")
    assert look(ledger, settings) is None
    assert look(ledger, settings, minutes=61) is None
    assert current_challenger(ledger, settings.dataset).digest == third.digest


def test_a_former_package_that_is_gone_takes_nothing_back(ledger, settings, monkeypatch):
    monkeypatch.setattr(guarding, "_traffic", lambda _: NOTHING)
    decided(ledger, settings, approved=100, former=300)
    (settings.packages / OLD.digest / "model.onnx").unlink()
    assert look(ledger, settings) is None
    assert ledger.current(settings.dataset).digest == NEW.digest


def test_what_the_service_counts_is_read_from_it(settings, ledger):
    with running_service(settings) as url:
        port = int(url.rpartition(":")[2])
        for _ in range(3):
            httpx.post(f"{url}/api/predict", json={"features": tiny.APPLICATION}, trust_env=False)
        httpx.post(f"{url}/api/predict", json={"features": {}}, trust_env=False)
        serving = settings.serving.model_copy(update={"port": port})
        traffic, refused = guarding._traffic(settings.model_copy(update={"serving": serving}))
    found = traffic[NEW.digest[:12]]
    assert (found.requests, found.failed) == (3, 0)
    assert found.seconds > 0
    assert refused == {}


def test_a_service_that_does_not_answer_says_nothing(settings):
    serving = settings.serving.model_copy(update={"port": 1})
    assert guarding._traffic(settings.model_copy(update={"serving": serving})) == NOTHING


def test_failed_requests_and_refusals_by_version():
    text = """# TYPE model_request_seconds summary
model_request_seconds_count{version="a",failed="false"} 8.0
model_request_seconds_sum{version="a",failed="false"} 0.4
model_request_seconds_count{version="a",failed="true"} 2.0
model_request_seconds_sum{version="a",failed="true"} 9.0
# TYPE model_swaps_total counter
model_swaps_total{result="served",version="a"} 1.0
model_swaps_total{result="refused",version="b"} 4.0
"""
    assert read_traffic(text) == ({"a": Traffic(10, 2, 0.05)}, {"b": 4})
