"""The ledger on a real PostgreSQL server: what its own tests ask, and what only a server can do."""

import asyncio
import threading
import time
from contextlib import closing

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.ledger import LedgerError, database, journal, open_ledger
from services.ledger.chain_verification import verify_chains
from services.ledger.decisions import Kept, find_decision, read_decisions
from services.ledger.journal import Journal
from services.ledger.referrals import refer_all
from services.ledger.tables import metadata
from services.verification import Verified, Verifier
from tests.services import writers
from tests.services.conftest import package  # noqa: F401  a fixture
from tests.services.deciding import DATASET, claiming, new_decision, store
from tests.services.test_chain import *  # noqa: F403  the same tests, on the fixture `ledger` here
from tests.services.test_journal import (
    check_acknowledged,
    check_switch_under_load,
    lines,
    race_for_claims,
)
from tests.services.test_records import *  # noqa: F403  as above
from tests.services.test_reports import *  # noqa: F403  as above
from tests.services.test_retention import *  # noqa: F403  as above
from tests.services.test_verification import VARIED, ask
from tests.services.test_windows import *  # noqa: F403  as above

pytestmark = pytest.mark.stack


@pytest.fixture
def url(postgres_server):
    return postgres_server.new_database()


@pytest.fixture
def ledger(url):
    with closing(open_ledger(url)) as opened:
        yield opened


def test_migrations_and_tables_agree(url):
    open_ledger(url)
    with database.connect(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_go_down_and_up_again(url):
    engine = database.connect(url)
    database.upgrade(engine)
    database.downgrade(engine, "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    database.upgrade(engine)
    assert "decisions" in sa.inspect(engine).get_table_names()


def test_what_was_stored_is_read_back_exactly(ledger):
    row = new_decision(application_id="a-1", payload='{"fields":{"name":"Grün"}}')
    assert store(ledger, [row]) == [Kept("stored")]
    found = find_decision(ledger, row.id)
    assert (found.id, found.at, found.probability, found.payload) == (
        row.id,
        row.at,
        0.25,
        row.payload,
    )


def test_a_large_batch_with_two_claims_a_row_is_stored(ledger):
    rows = [claiming(f"key {i}", f"application {i}") for i in range(10_000)]
    assert store(ledger, rows) == [Kept("stored")] * 10_000
    again = [claiming(f"key {i}") for i in range(10_000)]
    assert store(ledger, again) == [Kept("known", row.id) for row in rows]


def test_a_sign_that_postgresql_has_no_text_for_harms_nobody_else(ledger):
    async def ask_at_once(writer):
        rows = (new_decision(), new_decision(application_id="\0"), new_decision())
        asked = (writer.store([row]) for row in rows)
        return await asyncio.gather(*asked, return_exceptions=True)

    with closing(Journal(ledger.engine, 1000)) as writer:
        first, refused, last = asyncio.run(ask_at_once(writer))
        assert writer.is_working
    assert first == last == [Kept("stored")]
    assert "NUL" in str(refused)


def test_processes_that_claim_the_same_agree_on_who_was_first(ledger, url, tmp_path):
    race_for_claims(ledger, url, tmp_path)


def test_once_the_switch_is_on_nothing_is_stored_without_it(ledger, url, tmp_path):
    check_switch_under_load(ledger, url, tmp_path / "told")


def test_the_switch_waits_for_decisions_that_are_being_stored(ledger):
    move = threading.Thread(target=refer_all, args=(ledger, DATASET, True, "ana", "drift"))
    with database.writing(ledger.engine) as connection:
        database.begin_decisions(connection, 8)
        move.start()
        move.join(0.3)
        assert move.is_alive()
    move.join(10)
    assert not move.is_alive()
    assert store(ledger, [new_decision()]) == [Kept("stale")]


def test_a_statement_that_hangs_is_ended_and_the_journal_recovers(ledger, monkeypatch):
    monkeypatch.setattr(journal, "DATABASE_SECONDS", 0.3)
    monkeypatch.setattr(journal, "PROBE_SECONDS", 0.05)
    with closing(Journal(ledger.engine, 100)) as writer:
        with ledger.writing() as connection:
            connection.exec_driver_sql("LOCK TABLE decisions")
            with pytest.raises(LedgerError, match="statement timeout"):
                asyncio.run(writer.store([new_decision()]))
            assert not writer.is_working
        _wait_until(lambda: writer.is_working)
        assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]


def test_a_server_that_is_gone_gives_one_line_and_the_journal_recovers(
    ledger, postgres_server, monkeypatch
):
    monkeypatch.setattr(journal, "PROBE_SECONDS", 0.05)
    with closing(Journal(ledger.engine, 100)) as writer:
        assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]
        postgres_server.kill()
        with pytest.raises(LedgerError, match="decisions cannot be stored: ") as caught:
            asyncio.run(writer.store([new_decision()]))
        assert "\n" not in str(caught.value)
        assert not writer.is_working
        postgres_server.start()
        _wait_until(lambda: writer.is_working)
        assert asyncio.run(writer.store([new_decision()])) == [Kept("stored")]


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(
    ledger, url, postgres_server, tmp_path
):
    told = tmp_path / "told"
    process = writers.start(writers.write, url, told)
    try:
        for _ in range(20):
            before = len(lines(told))
            _wait_until(lambda before=before: len(lines(told)) > before + 20)
            postgres_server.kill()
            postgres_server.start()
    finally:
        process.kill()
        process.join()
    check_acknowledged(ledger, told)


def test_decisions_replay_and_chains_verify_after_a_move_from_sqlite(
    ledger,
    tmp_path,
    package,  # noqa: F811  the fixture
):
    with closing(open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as embedded:
        ids = ask(embedded, package, VARIED)
        with embedded.reading() as old, ledger.writing() as new:
            for table in metadata.sorted_tables:
                rows = [dict(row) for row in old.execute(sa.select(table)).mappings()]
                if rows:
                    new.execute(sa.insert(table), rows)
    assert list(verify_chains(ledger)) == []
    (stored,) = read_decisions(ledger)
    assert Verifier(package).verify(stored) == [Verified(id_) for id_ in ids]


def _wait_until(is_so) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
