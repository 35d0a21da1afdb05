"""Purging: what is erased, what stays, and what is passed by."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from services.keys import create_key
from services.ledger import Ledger, LedgerError, open_ledger, retention
from services.ledger.chain_verification import verify_chains
from services.ledger.decisions import find_decision
from services.ledger.holds import hold
from services.ledger.protected import read_protected
from services.ledger.retention import Purgeable, count_purgeable, purge
from services.ledger.tables import claims, purges
from tests.services.deciding import claiming, decide, new_decision, store

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = BEFORE - timedelta(microseconds=1), BEFORE


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def logged(ledger: Ledger) -> list[tuple[datetime, int, int, str]]:
    with ledger.reading() as connection:
        rows = connection.execute(select(purges).order_by(purges.c.at)).all()
    return [(row.before, row.erased, row.held, row.actor) for row in rows]


def test_old_decisions_lose_what_is_about_a_person_and_nothing_else(ledger):
    key = create_key(ledger, "ana", ("fairness",)).key
    id_ = decide(ledger, at=OLD, application_id="a-1", protected={"sex": "f"})
    before = find_decision(ledger, id_)
    done = purge(ledger, BEFORE, "ana")
    after = find_decision(ledger, id_)
    assert (done.erased, done.held, done.before) == (1, 0, BEFORE)
    assert (after.payload, after.application_id) == (None, None)
    assert read_protected(ledger, [id_], key) == {}
    kept = ("id", "at", "dataset", "digest", "probability", "score", "decision", "payload_hash")
    for name in (*kept, "chain", "position", "hash"):
        assert getattr(after, name) == getattr(before, name)


def test_the_limit_itself_is_not_old(ledger):
    id_ = decide(ledger, at=NEW)
    assert count_purgeable(ledger, BEFORE) == Purgeable(erased=0, held=0)
    assert purge(ledger, BEFORE, "ana").erased == 0
    assert find_decision(ledger, id_).payload


def test_holds_are_passed_by_until_they_are_lifted(ledger):
    held, free = decide(ledger, at=OLD), decide(ledger, at=OLD)
    hold(ledger, held, True, "ana", "lawsuit")
    assert count_purgeable(ledger, BEFORE) == Purgeable(erased=1, held=1)
    purge(ledger, BEFORE, "ana")
    assert find_decision(ledger, held).payload
    assert find_decision(ledger, free).payload is None
    hold(ledger, held, False, "ana", "settled")
    purge(ledger, BEFORE, "ben")
    assert find_decision(ledger, held).payload is None
    assert logged(ledger) == [(BEFORE, 1, 1, "ana"), (BEFORE, 1, 0, "ben")]


def test_a_second_purge_finds_nothing(ledger):
    store(ledger, [new_decision(at=OLD) for _ in range(2500)])
    passed: list[int] = []
    assert purge(ledger, BEFORE, "ana", passed.append).erased == 2500
    assert passed == [1000, 1000, 500]
    assert purge(ledger, BEFORE, "ana").erased == 0


def test_an_interrupted_purge_is_gone_on_with(ledger):
    store(ledger, [new_decision(at=OLD) for _ in range(2500)])

    def interrupt(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge(ledger, BEFORE, "ana", interrupt)
    assert list(verify_chains(ledger)) == []
    assert purge(ledger, BEFORE, "ana").erased == 1500
    assert [erased for _, erased, _, _ in logged(ledger)] == [1000, 1500]
    assert list(verify_chains(ledger)) == []


def test_a_hold_that_is_laid_while_a_purge_runs_is_seen(ledger, monkeypatch):
    id_ = decide(ledger, at=OLD)
    erase = retention._erase

    def hold_first(*arguments):
        hold(ledger, id_, True, "ana", "lawsuit")
        return erase(*arguments)

    monkeypatch.setattr(retention, "_erase", hold_first)
    assert purge(ledger, BEFORE, "ana").erased == 0
    assert find_decision(ledger, id_).payload


def test_expired_claims_go_and_others_stay(ledger):
    now = datetime.now(UTC)
    store(ledger, [claiming("old", at=now - timedelta(hours=25)), claiming("new", at=now)])
    purge(ledger, BEFORE, "ana")
    with ledger.reading() as connection:
        assert connection.scalars(select(claims.c.claim)).all() == ["new"]


def test_a_purge_that_fails_gives_one_line(ledger):
    decide(ledger, at=OLD)
    with ledger.writing() as connection:
        connection.exec_driver_sql("DROP TABLE protected_attributes")
    with pytest.raises(LedgerError, match="protected_attributes"):
        purge(ledger, BEFORE, "ana")
