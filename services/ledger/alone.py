"""Doing something that no other process does meanwhile, for as long as it takes.

The lock belongs to a connection, so it ends with its process, however that ends: nothing has to be
cleaned up after a kill.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Engine, text

from services.ledger.store import Ledger


@contextmanager
def alone(ledger: Ledger, what: str) -> Iterator[bool]:
    """Whether nobody else who uses the same ledger does this now; if so, nobody will inside.

    Args:
        ledger: PostgreSQL keeps the lock; beside a SQLite file another file of its own does.
        what: letters, digits and hyphens.

    Raises:
        LedgerError: the ledger is out of reach.
    """
    engine = ledger.engine
    locked = _in_postgresql if engine.dialect.name == "postgresql" else _beside_sqlite
    with locked(engine, what) as is_alone:
        yield is_alone


@contextmanager
def _in_postgresql(engine: Engine, what: str) -> Iterator[bool]:
    number = int.from_bytes(sha256(what.encode()).digest()[:8], "big", signed=True)
    # A transaction that is left open for hours would keep the database from cleaning up.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        query = text("SELECT pg_try_advisory_lock(:number)")
        is_alone = bool(connection.scalar(query, {"number": number}))
        try:
            yield is_alone
        finally:
            if is_alone:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})


@contextmanager
def _beside_sqlite(engine: Engine, what: str) -> Iterator[bool]:
    path = Path(str(engine.url.database)).with_name(f"{what}.lock")
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:  # it is locked
            yield False
            return
        yield True
