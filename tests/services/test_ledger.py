import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.ledger import Ledger, LedgerError, database, open_ledger, store
from services.ledger.tables import UtcDateTime, metadata

DIGEST = "ab" * 32


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'ledger.db'}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return open_ledger(url)


def deploy(ledger: Ledger, dataset: str = "german-credit", digest: str = DIGEST, **more: str):
    return ledger.deploy(
        dataset, digest, f"packages/{digest}", "xgboost", "ana", "first model", **more
    )


def test_a_fresh_ledger_is_empty(ledger):
    assert ledger.current("german-credit") is None
    assert ledger.history("german-credit") == []


def test_what_was_deployed_is_read_back_exactly(ledger):
    row = deploy(ledger, run_id="run-7")
    assert ledger.current("german-credit") == row
    assert (row.action, row.actor, row.reason, row.run_id) == (
        "deploy",
        "ana",
        "first model",
        "run-7",
    )
    assert row.id.version == 7
    assert row.at.tzinfo == UTC
    assert abs(row.at - datetime.now(UTC)) < timedelta(seconds=10)


def test_the_newest_row_of_its_data_set_is_current(ledger):
    first, second = deploy(ledger), deploy(ledger, digest="cd" * 32)
    deploy(ledger, dataset="taiwan-default")
    assert ledger.current("german-credit") == second
    assert ledger.history("german-credit") == [second, first]


def test_a_clock_set_back_does_not_hide_the_newest_row(ledger, monkeypatch):
    first = deploy(ledger)

    class Yesterday(datetime):
        @classmethod
        def now(cls, zone=None):
            return first.at - timedelta(days=1)

    monkeypatch.setattr(store, "datetime", Yesterday)
    second = deploy(ledger)
    assert second.at == first.at + timedelta(microseconds=1)
    assert ledger.current("german-credit") == second


def test_the_ledger_outlives_its_process_and_keeps_every_row(ledger, url):
    row = deploy(ledger)
    ledger.close()
    assert open_ledger(url).history("german-credit") == [row]


def test_commits_are_durable_and_readers_do_not_wait(url):
    open_ledger(url)
    with database.connect(url).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_api_cannot_change_or_remove_a_row():
    verbs = {name for name in vars(Ledger) if not name.startswith("_")}
    assert verbs == {
        "engine",
        "reading",
        "writing",
        "exclusive",
        "deploy",
        "roll_back",
        "rollback_target",
        "current",
        "history",
        "request",
        "approve",
        "reject",
        "promotions",
        "promotion_of_run",
        "add_key",
        "list_keys",
        "find_key",
        "revoke_key",  # sets its end and nothing else
        "close",
    }


def test_migrations_and_tables_agree(url):
    open_ledger(url)
    with database.connect(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_and_tables_agree_on_checks_too(url):
    open_ledger(url)
    inspector = sa.inspect(database.connect(url))
    for table in metadata.tables.values():
        declared = {
            check.name for check in table.constraints if isinstance(check, sa.CheckConstraint)
        }
        assert {check["name"] for check in inspector.get_check_constraints(table.name)} == declared


def test_migrations_go_down_and_up_again(url):
    engine = database.connect(url)
    database.upgrade(engine)
    assert "deployments" in sa.inspect(engine).get_table_names()
    database.downgrade(engine, "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    database.upgrade(engine)
    assert "deployments" in sa.inspect(engine).get_table_names()


def test_an_unknown_action_is_refused_by_the_database(url):
    open_ledger(url)
    row = (
        "INSERT INTO deployments (id, at, dataset, digest, uri, family, action, actor, reason) "
        "VALUES ('1', '2026-01-01', 'd', 'x', 'u', 'f', 'erase', 'a', 'r')"
    )
    with (
        database.connect(url).begin() as connection,
        pytest.raises(sa.exc.IntegrityError, match="known_action"),
    ):
        connection.exec_driver_sql(row)


def test_processes_that_open_a_fresh_ledger_together_all_succeed(url):
    code = (
        "import sys; from services.ledger import open_ledger\n"
        "sys.stdin.readline()\n"
        "open_ledger(sys.argv[1]).deploy('d', 'x' * 64, 'u', 'f', sys.argv[2], 'r')"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, url, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    history = open_ledger(url).history("d")
    assert sorted(row.actor for row in history) == ["0", "1", "2", "3"]
    assert len({row.at for row in history}) == 4


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "expected sqlite:////FULL/PATH or postgresql://"),
        ("sqlite:///ledger.db", "a relative path means another file to each process"),
        ("sqlite://", "a relative path"),
        ("oracle9://host/db", "expected sqlite:////FULL/PATH or postgresql://"),
        ("postgresql://ana:secret@127.0.0.1:1/none", r"postgresql://ana:\*\*\*@127.0.0.1:1/none: "),
        (
            "postgresql://ana@127.0.0.1:1/none?password=secret",
            r"postgresql://ana@127.0.0.1:1/none: ",
        ),
        ("postgresql://127.0.0.1:1/none?user=ana&sslpassword=secret", r"//127.0.0.1:1/none: "),
    ],
)
def test_a_ledger_that_cannot_be_opened_gives_one_line(url, message):
    with pytest.raises(LedgerError, match=message) as caught:
        open_ledger(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_gives_one_line(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        open_ledger(f"sqlite:///{path}")


def test_a_ledger_of_a_newer_version_is_refused(url):
    open_ledger(url)
    with database.connect(url).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=r"9999.*newer Creditloop"):
        open_ledger(url)


def test_times_without_a_zone_are_refused_and_others_become_utc():
    dialect = sa.create_engine("sqlite://").dialect
    east = timezone(timedelta(hours=8))
    assert UtcDateTime().process_bind_param(
        datetime(2026, 1, 1, 8, tzinfo=east), dialect
    ) == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), dialect)  # noqa: DTZ001  the fault under test
