"""SQLite's log is moved into the file beside the commits, and begins anew."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from services.ledger import checkpoints, open_ledger
from services.ledger.checkpoints import Checkpoints
from tests.services.deciding import new_decision, store

ROWS = 400


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger whose log nobody moves unless the test does."""
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 3600)
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    return tmp_path / "ledger.db"


def in_the_file_alone(path: Path) -> int:
    """Decisions that are there without the log."""
    alone = path.with_name("alone.db")
    shutil.copy(path, alone)
    with closing(sqlite3.connect(alone)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM decisions").fetchone()
    return count


def log_bytes(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


@pytest.fixture
def keeper(path: Path):
    """Holds the database open, for the last to close it moves the log whatever was set."""
    with closing(Checkpoints(make_url(f"sqlite:///{path}"))) as kept:
        kept.move()
        yield kept


def test_commits_leave_the_log_alone(path: Path, keeper: Checkpoints) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    for _ in range(4):
        store(ledger, [new_decision(payload="x" * 20_000) for _ in range(ROWS)])
    assert log_bytes(path) > 1000 * 4096  # where SQLite would have moved it by itself
    assert in_the_file_alone(path) == 0
    keeper.move()
    assert in_the_file_alone(path) == 4 * ROWS


def test_a_long_log_begins_anew(path: Path, keeper: Checkpoints) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    sizes = []
    for _ in range(3):
        store(ledger, [new_decision(payload="x" * 20_000) for _ in range(ROWS)])
        keeper.move(most_pages=100)
        sizes.append(log_bytes(path))
    assert sizes[2] < 1.5 * sizes[0]
    assert in_the_file_alone(path) == 3 * ROWS


def test_a_reader_keeps_what_it_sees_and_is_not_waited_for(path: Path, keeper: Checkpoints) -> None:
    ledger = open_ledger(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM decisions").fetchone() == (0,)
        store(ledger, [new_decision()])
        keeper.move(most_pages=0)
        assert reader.execute("SELECT count(*) FROM decisions").fetchone() == (0,)
        reader.execute("COMMIT")
    keeper.move()
    assert in_the_file_alone(path) == 1
