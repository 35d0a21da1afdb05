"""A challenger scores what the champion decided; nobody waits for it."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from scipy.stats import spearmanr
from sqlalchemy import select
from uuid_utils.compat import uuid7

from credit.intervals import wilson
from services.ledger import challengers as subject
from services.ledger import open_ledger
from services.ledger.challengers import ShadowDecision, shadow_comparison, store_shadow
from services.ledger.journal import Journal, NewDecision
from services.ledger.tables import decisions, shadow_decisions
from services.model import ServedModel
from services.packages import write_package
from services.serve import running_service
from services.shadow import MOST_WAITING, Shadow
from tests import tiny
from tests.services.conftest import deploy, settings_in
from tests.services.load import steady_load

DATASET = tiny.SCHEMA.name
CHAMPION, CHALLENGER = "c" * 64, "d" * 64
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(settings_in(tmp_path).ledger_uri)
    yield opened
    opened.close()


def decide(ledger, decided, digest=CHAMPION, dataset=DATASET):
    """Store a decision for each pair of decision and probability; their ids."""
    rows = [
        NewDecision(
            uuid7(), START + timedelta(hours=hour), dataset, digest, pd, 600, decision, "{}"
        )
        for hour, (decision, pd) in enumerate(decided)
    ]
    journal = Journal(ledger.engine, most_waiting=10**6)
    kept = asyncio.run(journal.store(rows))
    journal.close()
    assert {each.fate for each in kept} == {"stored"}
    return [row.id for row in rows]


def shadow(ledger, ids, decided, digest=CHALLENGER):
    rows = [
        ShadowDecision(decision_id, digest, START, pd, 600, decision)
        for decision_id, (decision, pd) in zip(ids, decided, strict=True)
    ]
    store_shadow(ledger, rows)


OURS = [("approve", 0.1), ("approve", 0.1), ("review", 0.3), ("decline", 0.5)]
THEIRS = [("approve", 0.1), ("review", 0.3), ("approve", 0.15), ("decline", 0.9)]


def test_the_comparison_is_the_one_made_by_hand(ledger):
    shadow(ledger, decide(ledger, OURS), THEIRS)
    found = shadow_comparison(ledger, DATASET, CHALLENGER)
    difference = found.pop("probability_difference")
    low, high = wilson(2, 4)
    approved = {"rate": 0.5, "low": low, "high": high}
    expected = spearmanr([0.1, 0.1, 0.3, 0.5], [0.1, 0.3, 0.15, 0.9]).statistic
    assert found.pop("rank_correlation") == pytest.approx(expected)
    assert found == {
        "scored": 4,
        "n": 4,
        "first_at": "2026-01-01T00:00:00+00:00",
        "last_at": "2026-01-01T03:00:00+00:00",
        "agreement": 0.5,
        "decisions": {
            "approve": {"approve": 1, "review": 1, "decline": 0},
            "review": {"approve": 1, "review": 0, "decline": 0},
            "decline": {"approve": 0, "review": 0, "decline": 1},
        },
        "approval_rate": {"champion": approved, "challenger": approved},
    }
    assert difference["mean"] == pytest.approx(0.1125)  # 0, 0.2, -0.15, 0.4
    assert difference["q0.5"] == pytest.approx(0.1)
    assert list(difference) == ["mean", "q0.01", "q0.25", "q0.5", "q0.75", "q0.99"]


def test_only_the_same_challenger_data_set_and_champion_are_compared(ledger):
    shadow(ledger, decide(ledger, OURS), THEIRS)
    shadow(ledger, decide(ledger, OURS, digest="e" * 64), THEIRS)
    shadow(ledger, decide(ledger, OURS, dataset="other"), THEIRS)
    shadow(ledger, decide(ledger, OURS), THEIRS, digest="f" * 64)
    assert shadow_comparison(ledger, DATASET, CHALLENGER)["n"] == 8
    assert shadow_comparison(ledger, DATASET, CHALLENGER, CHAMPION)["n"] == 4


def test_before_the_first_application_there_is_nothing_to_compare(ledger):
    assert shadow_comparison(ledger, DATASET, CHALLENGER) == {"scored": 0, "n": 0}


def test_equal_scores_have_no_rank_correlation(ledger):
    shadow(ledger, decide(ledger, OURS), [("approve", 0.1)] * 4)
    assert shadow_comparison(ledger, DATASET, CHALLENGER)["rank_correlation"] is None


def test_the_newest_are_compared(ledger, monkeypatch):
    monkeypatch.setattr(subject, "MOST_COMPARED", 3)
    shadow(ledger, decide(ledger, OURS), THEIRS)
    found = shadow_comparison(ledger, DATASET, CHALLENGER)
    assert (found["scored"], found["n"]) == (4, 3)


@pytest.fixture
def challenger():
    return ServedModel(tiny.package(shift=-2.0))


def stored(ledger):
    with ledger.reading() as connection:
        return connection.execute(select(shadow_decisions)).all()


def fields(challenger, **changes):
    application = {**tiny.APPLICATION, **changes}
    return dict(challenger.reader.read({"features": application}).fields)


def test_what_was_decided_is_scored_by_the_challenger_alone(ledger, challenger):
    ids = decide(ledger, OURS)
    asked = [fields(challenger, amount=1000.0 * (number + 1)) for number in range(4)]
    beside = Shadow(ledger, lambda: challenger)
    beside.offer(zip(ids, asked, strict=True))
    beside.close()
    rows = stored(ledger)
    expected = [challenger.underwriter._scorer.probability(each) for each in asked]
    assert {row.decision_id: row.probability for row in rows} == dict(
        zip(ids, expected, strict=True)
    )
    assert {row.digest for row in rows} == {challenger.digest}


def test_without_a_challenger_nothing_happens(ledger, challenger):
    beside = Shadow(ledger, lambda: None)
    beside.offer([(uuid7(), fields(challenger))])
    beside.close()
    assert stored(ledger) == []


def test_what_is_too_much_is_dropped_and_said_once(ledger, challenger, caplog):
    dropped, held = [], threading.Event()
    ids = decide(ledger, [("approve", 0.1)] * MOST_WAITING)

    def model():
        if threading.current_thread().name == "shadow":
            held.wait()
        return challenger

    beside = Shadow(ledger, model, dropped.append)
    asked = fields(challenger)
    for _ in range(3):
        beside.offer([(decision_id, asked) for decision_id in ids])
    held.set()
    beside.close()
    assert dropped == [MOST_WAITING, MOST_WAITING]
    assert len(stored(ledger)) == MOST_WAITING
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith("by the challenger: the challenger is too slow for the traffic")


def test_what_cannot_be_stored_is_dropped_and_the_next_is_stored(ledger, challenger, caplog):
    dropped = []
    beside = Shadow(ledger, lambda: challenger, dropped.append)
    beside.offer([(uuid7(), fields(challenger))])  # no such decision
    while not dropped:
        threading.Event().wait(0.01)
    (known,) = decide(ledger, [("approve", 0.1)])
    beside.offer([(known, fields(challenger))])
    beside.close()
    assert dropped == [1]
    assert [row.decision_id for row in stored(ledger)] == [known]
    assert "FOREIGN KEY constraint failed" in caplog.text


def test_values_of_applicants_are_not_logged(ledger, challenger, caplog):
    beside = Shadow(ledger, lambda: challenger)
    beside.offer([(uuid7(), {**fields(challenger), "amount": "Ada Lovelace"})])
    beside.close()
    assert caplog.messages == [
        "applications are dropped unscored by the challenger: it failed with ValueError"
    ]


def test_decisions_stay_as_they_were(ledger, challenger):
    ids = decide(ledger, OURS)
    with ledger.reading() as connection:
        before = connection.execute(select(decisions)).all()
    beside = Shadow(ledger, lambda: challenger)
    beside.offer([(ids[0], fields(challenger))])
    beside.close()
    with ledger.reading() as connection:
        assert connection.execute(select(decisions)).all() == before


def test_a_running_service_scores_its_traffic_with_the_challenger_and_stores_all_when_it_stops(
    tmp_path, ledger
):
    settings = settings_in(tmp_path, workers=2)
    champion, challenger = tiny.package(), tiny.package(shift=-2.0)
    deploy(settings, champion)
    path = write_package(settings.packages, challenger)
    uri = str(path.relative_to(settings.home))
    subject.challenge(ledger, DATASET, challenger.digest, uri, "xgboost", "ana", "it may be better")
    with running_service(settings) as url, steady_load(url, rate=100) as load:
        load.wait_for_answers(100)
    assert {answer.digest for answer in load.answers} == {champion.digest}
    found = shadow_comparison(ledger, DATASET, challenger.digest, champion.digest)
    assert found["n"] == len(load.acknowledged) == load.sent
    assert found["rank_correlation"] == pytest.approx(1)
    assert found["probability_difference"]["q0.99"] < 0  # a smaller shift is a smaller logit
