"""Moving SQLite's write-ahead log into the database file: beside the commits, not in them.

Left to itself SQLite does it in the commit that fills the log. Some hundred times a minute a
request would then wait for two syncs of the disk more.
"""

import threading
from contextlib import closing, suppress
from sqlite3 import OperationalError

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from services.ledger.database import connect

EVERY_SECONDS = 1.0
# From here on writers are kept out for a moment, so that the log begins anew: 64 MB.
MOST_PAGES = 16_384
LOCK_SECONDS = 0.05


class Checkpoints:
    """A thread that empties the log of a SQLite ledger while others write to it."""

    def __init__(self, url: URL):
        self._engine = connect(url, lock_seconds=LOCK_SECONDS)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; what is still in the log stays readable there."""
        self._ended.set()
        self._thread.join()
        self._engine.dispose()

    def move(self, most_pages: int = MOST_PAGES) -> None:
        """Move what the log holds, as far as no reader still needs it.

        A log that nobody ever lets go of grows, for it begins anew only when all of it was moved.
        """
        with closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            _, pages, _ = cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > most_pages:
                cursor.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _run(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            # What cannot be moved now is moved later; commits say what is wrong with the disk.
            with suppress(DBAPIError, OperationalError):
                self.move()
