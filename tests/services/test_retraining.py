"""Retrain requests in a real ledger."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from configs.settings import Settings, load_settings
from services.ledger import Ledger, LedgerError, open_ledger
from services.ledger.alone import alone
from services.ledger.reports import (
    DriftReport,
    PerformanceReport,
    add_drift_report,
    add_performance_report,
)
from services.ledger.retraining import (
    CooldownError,
    NewRequest,
    RequestClosedError,
    ask,
    close,
    find_request,
    memory,
    next_open,
    note,
    requests,
    start,
)
from services.retraining import consider

DATASET = "tiny-credit"
DIGEST = "ab" * 32
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DRIFT = NewRequest(DATASET, "drift", "drift 0.8", "drift check", "drift at 2")
MANUAL = NewRequest(DATASET, "manual", "a new bureau score", "ana", "word 1")


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url) -> Ledger:
    return open_ledger(url)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return load_settings(home=tmp_path, dataset=DATASET)


def asked(ledger: Ledger, wanted: NewRequest = MANUAL, now: datetime = NOW):
    return ask(ledger, wanted, now, cooldown_hours=24)


def done(ledger: Ledger, wanted: NewRequest = MANUAL, now: datetime = NOW):
    request, _ = asked(ledger, wanted, now)
    return close(ledger, request.id, "promoted", "version ab is in production", now, DIGEST)


def test_a_request_is_read_back_as_it_was_asked_for(ledger):
    request, is_new = asked(ledger)
    assert is_new
    assert (request.dataset, request.trigger, request.reason) == (
        DATASET,
        "manual",
        "a new bureau score",
    )
    assert (request.at, request.state, request.events) == (NOW, "requested", ())
    assert find_request(ledger, request.id) == request == next_open(ledger, DATASET)
    assert next_open(ledger, "other") is None
    assert find_request(ledger, uuid4()) is None


def test_asking_again_with_the_same_word_changes_nothing(ledger):
    request = done(ledger)
    assert asked(ledger, now=NOW + DAY) == (request, False)
    assert requests(ledger, DATASET) == [request]


def test_one_at_a_time_whoever_asks_meanwhile_gets_the_open_one(ledger):
    request, _ = asked(ledger)
    assert asked(ledger, DRIFT) == (request, False)
    other, is_new = asked(ledger, replace(MANUAL, dataset="other"))
    assert is_new
    assert other.dataset == "other"


def test_the_cooldown_holds_for_triggers_and_not_for_people(ledger):
    done(ledger, DRIFT)
    later = replace(DRIFT, idempotency_key="drift at 3")
    with pytest.raises(CooldownError, match="the next may be from 2026-03-03 02:00 UTC on") as told:
        asked(ledger, later, NOW + DAY - HOUR)
    assert "\n" not in str(told.value)
    assert asked(ledger, MANUAL, NOW + HOUR)[1]
    close(ledger, next_open(ledger, DATASET).id, "refused", "worse", NOW + HOUR)
    with pytest.raises(CooldownError):  # it runs from the newest request on
        asked(ledger, later, NOW + DAY)
    assert asked(ledger, later, NOW + DAY + HOUR)[1]


def test_events_come_in_order_and_the_end_comes_once(ledger):
    request, _ = asked(ledger)
    for run in ("run-1", "run-1", "run-2"):
        started = start(ledger, request.id, run, NOW + HOUR)
    assert started.run_ids == ("run-1", "run-2")
    waiting = note(ledger, request.id, "waiting", DIGEST, "it waits", NOW + 2 * HOUR)
    assert note(ledger, request.id, "waiting", DIGEST, "it waits", NOW + 3 * HOUR) == waiting
    closed = close(ledger, request.id, "rejected", "bob: no", NOW + 4 * HOUR, DIGEST)
    assert [event.kind for event in closed.events] == ["started", "started", "waiting", "closed"]
    assert [event.position for event in closed.events] == [1, 2, 3, 4]
    assert close(ledger, request.id, "failed", "later", NOW + DAY) == closed
    assert (closed.last.outcome, closed.last.digest, closed.last.note) == (
        "rejected",
        DIGEST,
        "bob: no",
    )
    assert next_open(ledger, DATASET) is None


def test_nothing_happens_to_a_closed_request(ledger):
    request = done(ledger)
    with pytest.raises(RequestClosedError, match=r"is closed: promoted, version ab"):
        start(ledger, request.id, "run-9", NOW)
    with pytest.raises(RequestClosedError):
        note(ledger, request.id, "shadowing", DIGEST, "beside", NOW)
    with pytest.raises(LedgerError, match="there is no retrain request"):
        close(ledger, uuid4(), "failed", "why", NOW)


def test_a_clock_set_back_hides_no_request(ledger):
    first = done(ledger)
    second, _ = asked(ledger, replace(MANUAL, idempotency_key="2"), NOW - DAY)
    assert second.at > first.at
    assert requests(ledger, DATASET)[0] == second


@pytest.mark.parametrize("alike", [True, False])
def test_threads_that_ask_at_once_agree_on_one_request(ledger, alike):
    words = ["word"] * 12 if alike else [f"word {number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        found = list(
            pool.map(lambda word: asked(ledger, replace(MANUAL, idempotency_key=word)), words)
        )
    assert len({request.id for request, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1


def test_threads_that_close_at_once_agree_on_one_end(ledger):
    request, _ = asked(ledger)
    outcomes = ["promoted", "failed"] * 6
    with ThreadPoolExecutor(12) as pool:
        found = list(
            pool.map(lambda outcome: close(ledger, request.id, outcome, "", NOW), outcomes)
        )
    assert len({each.last.outcome for each in found}) == 1
    assert len(find_request(ledger, request.id).events) == 1


# --- one at a time, whatever happens to it


def test_only_one_is_alone(ledger, url):
    with alone(ledger, "retraining-a") as first, alone(ledger, "retraining-a") as second:
        assert (first, second) == (True, False)
        with alone(ledger, "retraining-b") as other:
            assert other
    with alone(open_ledger(url), "retraining-a") as again:
        assert again


def test_a_process_that_is_killed_leaves_nothing_locked(ledger, url):
    code = (
        "import sys; from services.ledger import open_ledger\n"
        "from services.ledger.alone import alone\n"
        "with alone(open_ledger(sys.argv[1]), 'retraining-a') as is_alone:\n"
        "    print(is_alone, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "True\n"
    with alone(ledger, "retraining-a") as is_alone:
        assert not is_alone
    process.kill()
    process.wait(30)
    with alone(ledger, "retraining-a") as is_alone:
        assert is_alone


# --- the triggers' memory


def drift(score: float, at: datetime, drifted: int = 1, digest: str = DIGEST) -> DriftReport:
    return DriftReport(
        id=uuid7(),
        at=at,
        dataset=DATASET,
        digest=digest,
        window_start=at - HOUR,
        window_end=at,
        score=score,
        level="critical" if score > 0.7 else "calm",
        drifted_features=drifted,
        report={"drift": {"drifted": drifted, "columns": [{}] * 10}},
    )


def performance(drop: float, at: datetime) -> PerformanceReport:
    interval = {"value": drop, "low": drop - 0.02, "high": drop + 0.02}
    return PerformanceReport(
        id=uuid7(),
        at=at,
        dataset=DATASET,
        digest=DIGEST,
        window_start=at - HOUR,
        window_end=at,
        accuracy=0.8,
        auc=0.7,
        report={"overall": {"rows": 900, "drops": {"accuracy": interval}}},
    )


def deployed(ledger: Ledger) -> datetime:
    return ledger.deploy(DATASET, DIGEST, "packages/x", "woe_logistic", "ana", "first").at


def test_memory_of_nothing(ledger):
    assert memory(ledger, DATASET, NOW) == memory(ledger, "other", NOW)
    assert memory(ledger, DATASET, NOW).drift == ()


def test_memory_holds_what_is_known_of_the_model_in_production(ledger):
    at = deployed(ledger)
    for score, hour in ((0.1, 1), (0.8, 2), (0.9, 30)):
        add_drift_report(ledger, drift(score, at + hour * HOUR))
    add_drift_report(ledger, drift(0.99, at + 3 * HOUR, digest="cd" * 32))
    add_performance_report(ledger, performance(0.06, at + HOUR))
    known = memory(ledger, DATASET, at + 24 * HOUR)
    assert [(each.score, each.drifted_share) for each in known.drift] == [(0.1, 0.1), (0.8, 0.1)]
    assert (known.accuracy.rows, known.accuracy.drop.low) == (900, pytest.approx(0.04))
    assert (known.trained_at, known.requested_at) == (at, None)


def test_drift_asks_only_when_it_has_lasted(ledger, settings):
    at = deployed(ledger)
    for hour in (2, 14):
        add_drift_report(ledger, drift(0.8, at + hour * HOUR))
        assert consider(ledger, DATASET, settings, at + hour * HOUR) is None
    now = at + 26 * HOUR
    add_drift_report(ledger, drift(0.9, now))
    request = consider(ledger, DATASET, settings, now)
    assert (request.trigger, request.requester, request.at) == ("drift", "drift check", now)
    assert "has been over 0.7 since" in request.reason
    assert consider(ledger, DATASET, settings, now) is None  # within the cooldown
    assert requests(ledger, DATASET) == [request]


def test_many_columns_lost_accuracy_and_a_week_ask_too(ledger, settings):
    at = deployed(ledger)
    add_drift_report(ledger, drift(0.4, at + HOUR, drifted=4))
    request = consider(ledger, DATASET, settings, at + HOUR)
    assert (request.trigger, request.reason) == (
        "drifted columns",
        "40% of the columns have drifted, 30% may",
    )
    close(ledger, request.id, "escalated", "too few", at + HOUR)
    add_performance_report(ledger, performance(0.08, at + 8 * DAY))
    request = consider(ledger, DATASET, settings, at + 8 * DAY)
    assert request.trigger == "accuracy"
    assert "accuracy fell by 8.0 points" in request.reason
    assert "7 days or more ago" in request.reason


def test_without_a_model_nothing_is_due(ledger, settings):
    assert consider(ledger, DATASET, settings, NOW) is None
