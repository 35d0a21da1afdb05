"""Connecting to the ledger's database and bringing its schema up to date."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
LOCK_SECONDS = 30
# Until a server that does not answer counts as gone: while connecting, and while it has data to
# confirm.
POSTGRES_SILENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 8_000,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
# Numbers for every Creditloop process on a PostgreSQL server; their digits mean nothing.
POSTGRES_LOCK = 4_071_867_523
SWITCH_LOCK = 4_071_867_524
AT_ONCE = "creditloop_locks_at_once"
# Databases limit the parameters of a statement.
A_STATEMENT = 1000

Item = TypeVar("Item")


def connect(
    url: str | URL, lock_seconds: float = LOCK_SECONDS, *, checkpoints: bool = True
) -> Engine:
    """An engine for SQLite (write-ahead log, durable commits) or PostgreSQL.

    Args:
        url: the database.
        lock_seconds: how long SQLite waits while another process writes.
        checkpoints: whether a commit of SQLite that fills the log moves it into the file.
    """
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(target, lock_seconds, checkpoints)
    if target.drivername == "postgresql":
        # The bare name would mean psycopg2, which Creditloop does not install.
        target = target.set(drivername="postgresql+psycopg")
    silence = POSTGRES_SILENCE if target.get_backend_name() == "postgresql" else {}
    return create_engine(target, pool_pre_ping=True, connect_args=silence)


def _sqlite(url: URL, lock_seconds: float, checkpoints: bool) -> Engine:
    path = Path(url.database or "")
    if not path.is_absolute():
        raise ArgumentError("a relative path means another file to each process")
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": lock_seconds})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy begins transactions, not the driver, which would commit around DDL.
        connection.isolation_level = None
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if not checkpoints:
            connection.execute("PRAGMA wal_autocheckpoint=0")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        at_once = connection.get_execution_options().get(AT_ONCE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if at_once else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite's own lock timeout does not cover that switch."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; SQLite has one at a time, PostgreSQL as many as come."""
    with engine.connect().execution_options(**{AT_ONCE: True}) as connection, connection.begin():
        yield connection


@contextmanager
def exclusive(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other exclusive one runs beside, in this process or another."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": POSTGRES_LOCK})
        yield connection


def begin_decisions(connection: Connection, seconds: float) -> None:
    """Begin a transaction that stores decisions: the kill switch cannot move while it lasts.

    PostgreSQL ends it when it hangs longer than `seconds`. SQLite lets one write at a time.
    """
    if connection.dialect.name == "postgresql":
        milliseconds = int(seconds * 1000)
        connection.exec_driver_sql(
            f"SET LOCAL statement_timeout = {milliseconds}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}; "
            f"SELECT pg_advisory_xact_lock_shared({SWITCH_LOCK})"
        )


def keep_out_decisions(connection: Connection) -> None:
    """Wait for transactions that store decisions, and have later ones wait for this one."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SWITCH_LOCK})


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to a revision; processes that start together take turns."""
    with exclusive(engine) as connection:
        command.upgrade(alembic_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to a revision, `base` being none at all."""
    with exclusive(engine) as connection:
        command.downgrade(alembic_config(connection), revision)


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration, without a file and on an open connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """As many at a time as a statement takes."""
    rest = iter(items)
    while some := list(islice(rest, A_STATEMENT)):
        yield some


def time_after(before: datetime | None) -> datetime:
    """Now, but after the row before: a clock set back must not hide a newer row."""
    now = datetime.now(UTC)
    return max(now, before + timedelta(microseconds=1)) if before else now
