"""Storing decisions: shared commits, claims, the kill switch, and what fails."""

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from services.ledger import Ledger, LedgerError, journal, open_ledger
from services.ledger.chain_verification import verify_chains
from services.ledger.decisions import Kept, find_decision
from services.ledger.journal import Journal, JournalFullError
from services.ledger.referrals import refer_all
from services.ledger.tables import chains, claims, decisions
from tests.services import writers
from tests.services.deciding import DATASET, NOW, claiming, new_decision, store

LATER = NOW + timedelta(hours=24)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url) -> Ledger:
    return open_ledger(url)


def count(ledger: Ledger, table=decisions) -> int:
    with ledger.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_what_was_stored_is_read_back_exactly(ledger):
    row = new_decision(application_id="a-1", payload='{"fields":{"name":"Grün"}}')
    assert store(ledger, [row]) == [Kept("stored")]
    found = find_decision(ledger, row.id)
    assert (found.id, found.at, found.dataset, found.digest) == (
        row.id,
        row.at,
        row.dataset,
        row.digest,
    )
    assert (found.probability, found.score, found.decision) == (0.25, 512, "review")
    assert (found.application_id, found.payload) == ("a-1", row.payload)
    assert found.position == 1


def test_requests_that_arrive_together_share_a_commit(ledger):
    commits = []

    async def ask_at_once(writer):
        return await asyncio.gather(*(writer.store([new_decision()]) for _ in range(50)))

    with closing(Journal(ledger.engine, 1000, lambda rows, _: commits.append(rows))) as writer:
        kept = asyncio.run(ask_at_once(writer))
        assert kept == [[Kept("stored")]] * 50
        assert writer.depth == 0
    assert sum(commits) == 50
    assert len(commits) < 10
    with ledger.reading() as connection:
        (chain,) = connection.execute(select(chains)).all()
    assert chain.count == 50


def test_the_first_of_two_requests_with_a_claim_is_stored_and_the_second_knows_it(ledger):
    first, again, other = claiming("k"), claiming("k"), claiming("k", body="other")
    assert store(ledger, [first]) == [Kept("stored")]
    assert store(ledger, [again, other]) == [Kept("known", first.id), Kept("conflict", first.id)]
    assert count(ledger) == 1


def test_the_first_row_of_a_batch_wins(ledger):
    first, again, free = claiming("k"), claiming("k"), new_decision()
    assert store(ledger, [first, again, free]) == [
        Kept("stored"),
        Kept("known", first.id),
        Kept("stored"),
    ]


def test_a_claim_that_expired_can_be_claimed_again(ledger):
    first = claiming("k")
    just_before = claiming("k", at=LATER - timedelta(microseconds=1))
    after, again = claiming("k", at=LATER, body="other"), claiming("k", at=LATER, body="other")
    assert store(ledger, [first]) == [Kept("stored")]
    assert store(ledger, [just_before]) == [Kept("known", first.id)]
    assert store(ledger, [after]) == [Kept("stored")]
    assert store(ledger, [again]) == [Kept("known", after.id)]


def test_a_request_with_two_claims_is_the_same_by_either(ledger):
    first = claiming("key", "application")
    assert store(ledger, [first]) == [Kept("stored")]
    assert store(ledger, [claiming("other key", "application")]) == [Kept("known", first.id)]
    assert store(ledger, [claiming("key", "other application")]) == [Kept("known", first.id)]
    # Who lost by one claim does not keep the other.
    assert store(ledger, [claiming("other key", "third application")]) == [Kept("stored")]


def test_a_request_is_told_of_the_claim_whose_body_differs(ledger):
    same, other = claiming("key"), claiming("application", body="other")
    store(ledger, [same, other])
    assert store(ledger, [claiming("key", "application")]) == [Kept("conflict", other.id)]


def test_nobody_is_sent_to_a_decision_that_was_not_stored(ledger):
    earlier = claiming("key")
    store(ledger, [earlier])
    loser, heir = claiming("key", "application"), claiming("application")
    assert store(ledger, [loser, heir]) == [Kept("known", earlier.id), Kept("stored")]
    assert store(ledger, [claiming("application")]) == [Kept("known", heir.id)]


NAMES = st.lists(st.sampled_from("abc"), min_size=0, max_size=2, unique=True)
REQUESTS = st.lists(st.tuples(NAMES, st.sampled_from("xy")), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(REQUESTS, min_size=1, max_size=3))
def test_claims_do_in_batches_what_they_do_one_by_one(tmp_path_factory, batches):
    """The plain rule: the first decision that claimed a name holds it, if it was stored."""
    ledger = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('claims') / 'ledger.db'}")
    holders: dict = {}
    for batch in batches:
        rows = [claiming(*names, body=body) for names, body in batch]
        for row, kept in zip(rows, store(ledger, rows), strict=True):
            earlier = [holders[name] for name in row.claims if name in holders]
            others = [other for other in earlier if other.body_hash != row.body_hash]
            if others:
                assert kept == Kept("conflict", others[0].id)
            elif earlier:
                assert kept == Kept("known", earlier[0].id)
            else:
                assert kept == Kept("stored")
                holders.update(dict.fromkeys(row.claims, row))
    with ledger.reading() as connection:
        held = {row.claim: row.decision_id for row in connection.execute(select(claims))}
    assert held == {name: row.id for name, row in holders.items()}
    ledger.close()


def test_a_large_batch_with_two_claims_a_row_is_stored(ledger):
    rows = [claiming(f"key {i}", f"application {i}") for i in range(10_000)]
    assert store(ledger, rows) == [Kept("stored")] * 10_000
    again = [claiming(f"key {i}") for i in range(10_000)]
    assert store(ledger, again) == [Kept("known", row.id) for row in rows]


def test_what_was_decided_before_the_switch_moved_is_stale(ledger):
    unmoved = new_decision()
    on = refer_all(ledger, DATASET, True, "ana", "drift")
    under = new_decision(referral=on.id)
    elsewhere = new_decision(dataset="other")
    assert store(ledger, [unmoved, under, elsewhere]) == [
        Kept("stale"),
        Kept("stored"),
        Kept("stored"),
    ]
    off = refer_all(ledger, DATASET, False, "ana", "mended")
    assert store(ledger, [new_decision(referral=on.id)]) == [Kept("stale")]
    assert store(ledger, [new_decision(referral=off.id)]) == [Kept("stored")]


def test_stale_decisions_claim_nothing(ledger):
    on = refer_all(ledger, DATASET, True, "ana", "drift")
    assert store(ledger, [claiming("k")]) == [Kept("stale")]
    assert store(ledger, [claiming("k", referral=on.id)]) == [Kept("stored")]


def test_a_clock_set_back_does_not_hide_a_move_of_the_switch(ledger, monkeypatch):
    on = refer_all(ledger, DATASET, True, "ana", "drift")

    class Yesterday(datetime):
        @classmethod
        def now(cls, zone=None):
            return on.at - timedelta(days=1)

    monkeypatch.setattr("services.ledger.database.datetime", Yesterday)
    off = refer_all(ledger, DATASET, False, "ana", "mended")
    assert off.at == on.at + timedelta(microseconds=1)
    assert store(ledger, [new_decision(referral=off.id)]) == [Kept("stored")]


def test_rows_that_cannot_be_stored_do_not_harm_those_of_others(ledger):
    bad = new_decision(decision="perhaps")

    async def ask_at_once(writer):
        asked = (writer.store([row]) for row in (new_decision(), bad, new_decision()))
        return await asyncio.gather(*asked, return_exceptions=True)

    with closing(Journal(ledger.engine, 1000)) as writer:
        first, refused, last = asyncio.run(ask_at_once(writer))
        assert writer.is_working
    assert first == last == [Kept("stored")]
    assert isinstance(refused, LedgerError)
    assert "known_decision" in str(refused)


def test_the_queue_is_bounded_and_a_large_request_has_its_turn(ledger):
    async def ask(writer):
        with pytest.raises(JournalFullError, match="3 decisions wait"):
            await asyncio.gather(*(writer.store([new_decision()] * 3) for _ in range(2)))

    with closing(sqlite3.connect(ledger.engine.url.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(Journal(ledger.engine, 5)) as writer:
            asyncio.run(ask(writer))
            other.rollback()
    rows = [new_decision() for _ in range(20)]
    with closing(Journal(ledger.engine, 5)) as writer:
        assert asyncio.run(writer.store(rows)) == [Kept("stored")] * 20


def test_a_request_that_is_cancelled_before_its_turn_is_not_stored(ledger):
    async def ask(writer, other):
        first = asyncio.create_task(writer.store([new_decision()]))
        await asyncio.sleep(0.1)
        cancelled = asyncio.create_task(writer.store([new_decision()]))
        last = asyncio.create_task(writer.store([new_decision()]))
        await asyncio.sleep(0)
        cancelled.cancel()
        other.rollback()
        assert await first == await last == [Kept("stored")]

    with closing(sqlite3.connect(ledger.engine.url.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with closing(Journal(ledger.engine, 100)) as writer:
            asyncio.run(ask(writer, other))
            assert writer.depth == 0
    assert count(ledger) == 2


def test_a_loop_that_ended_does_not_end_the_journal(ledger):
    async def leave(writer):
        task = asyncio.ensure_future(writer.store([new_decision()]))
        await asyncio.sleep(0)
        assert not task.done()

    with closing(Journal(ledger.engine, 100)) as writer:
        asyncio.run(leave(writer))
        assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]


def test_a_callback_that_fails_does_not_end_the_journal(ledger):
    def fail(rows, seconds):
        raise ValueError("no such gauge")

    with closing(Journal(ledger.engine, 100, fail)) as writer:
        for _ in range(2):
            assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]


def test_what_waits_is_stored_before_the_journal_closes(ledger):
    rows = [new_decision() for _ in range(100)]

    async def ask(writer):
        asked = [asyncio.create_task(writer.store([row])) for row in rows]
        await asyncio.sleep(0)
        await asyncio.to_thread(writer.close)
        with pytest.raises(LedgerError, match="the service is stopping"):
            await writer.store([new_decision()])
        return await asyncio.gather(*asked)

    assert asyncio.run(ask(Journal(ledger.engine, 1000))) == [[Kept("stored")]] * 100
    assert count(ledger) == 100


def test_after_a_failed_commit_the_journal_recovers_by_itself_in_a_new_chain(ledger, monkeypatch):
    monkeypatch.setattr(journal, "DATABASE_SECONDS", 0.2)
    monkeypatch.setattr(journal, "PROBE_SECONDS", 0.05)
    with (
        closing(sqlite3.connect(ledger.engine.url.database)) as other,
        closing(Journal(ledger.engine, 100)) as writer,
    ):
        assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="decisions cannot be stored: database is locked"):
            asyncio.run(writer.store([new_decision()]))
        assert not writer.is_working
        other.rollback()
        while not writer.is_working:
            time.sleep(0.01)
        assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]
    with ledger.reading() as connection:
        assert connection.scalars(select(chains.c.count)).all() == [1, 1]


def test_a_request_does_not_wait_for_ever(ledger, monkeypatch):
    monkeypatch.setattr(journal, "PATIENCE_SECONDS", 0.1)
    with (
        closing(sqlite3.connect(ledger.engine.url.database)) as other,
        closing(Journal(ledger.engine, 100)) as writer,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"the database took over 0\.1 s"):
            asyncio.run(writer.store([new_decision()]))
        other.rollback()


def test_processes_that_claim_the_same_agree_on_who_was_first(ledger, url, tmp_path):
    race_for_claims(ledger, url, tmp_path)


def race_for_claims(ledger: Ledger, url: str, folder: Path) -> None:
    """Each of 100 claims of four processes is stored once, and all know by which decision."""
    files = [folder / f"told-{number}" for number in range(4)]
    processes = [writers.start(writers.race, url, file) for file in files]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    told = [sorted(file.read_text().splitlines()) for file in files]
    assert told == [told[0]] * 4
    assert len(told[0]) == 100
    assert count(ledger) == 100


def test_nothing_acknowledged_is_lost_or_doubled_when_writers_are_killed(ledger, url, tmp_path):
    told = tmp_path / "told"
    for _ in range(20):
        before = lines(told)
        process = writers.start(writers.write, url, told)
        while len(lines(told)) < len(before) + 20:
            assert process.is_alive()
            time.sleep(0.01)
        process.kill()
        process.join()
    assert len(lines(told)) >= 400
    check_acknowledged(ledger, told)


def test_once_the_switch_is_on_nothing_is_stored_without_it(ledger, url, tmp_path):
    check_switch_under_load(ledger, url, tmp_path / "told")


def check_switch_under_load(ledger: Ledger, url: str, told: Path) -> None:
    processes = [writers.start(writers.write, url, told) for _ in range(2)]
    while len(lines(told)) < 100:
        time.sleep(0.01)
    refer_all(ledger, DATASET, True, "ana", "drift")
    stored = count(ledger)
    time.sleep(0.5)
    assert count(ledger) == stored
    for process in processes:
        assert process.is_alive()
        process.kill()
        process.join()


def lines(file: Path) -> list[str]:
    """The lines that were written whole."""
    return file.read_text().split("\n")[:-1] if file.exists() else []


def check_acknowledged(ledger: Ledger, told: Path) -> None:
    """What was acknowledged is in the ledger once, and chains have what they say."""
    acknowledged = lines(told)
    with ledger.reading() as connection:
        stored = [str(id_) for id_ in connection.scalars(select(decisions.c.id))]
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    assert list(verify_chains(ledger)) == []
