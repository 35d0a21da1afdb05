"""Anchors: where all chains stood at a time, written outside the ledger and never overwritten.

Who can write to the ledger can rewrite a whole chain, its head included. What an anchor says of it
stays, for the anchors are kept where he cannot write.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import fsspec
from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from uuid_utils.compat import uuid7

from configs.urls import without_credentials
from services.faults import first_line
from services.ledger.errors import LedgerError
from services.ledger.store import Ledger
from services.ledger.tables import chains

SUFFIX = ".anchor.json"


class Stand(BaseModel):
    """How many decisions a chain had, and the hash of the last one."""

    count: int
    head: str


class Anchor(BaseModel):
    """Where all chains stood at a time."""

    at: datetime
    chains: dict[UUID, Stand]


def anchor(ledger: Ledger, folder: str) -> tuple[str, Anchor]:
    """Write where all chains stand to a new file.

    Args:
        ledger: whose chains.
        folder: a path or a URL of fsspec, such as s3://bucket/anchors.

    Returns:
        The file's path or URL, and what it says.

    Raises:
        LedgerError: the ledger cannot be read, or the folder cannot be written to.
    """
    with ledger.reading() as connection:
        rows = connection.execute(select(chains.c.id, chains.c.count, chains.c.head)).all()
    stands = {row.id: Stand(count=row.count, head=row.head) for row in rows}
    taken = Anchor(at=datetime.now(UTC), chains=stands)
    name = f"{taken.at:%Y-%m-%dT%H%M%SZ}-{uuid7()}{SUFFIX}"
    with _reported(folder):
        store, path = fsspec.url_to_fs(folder)
        store.makedirs(path, exist_ok=True)
        with store.open(f"{path}/{name}", "xb") as file:
            file.write(taken.model_dump_json(indent=1).encode() + b"\n")
        return store.unstrip_protocol(f"{path}/{name}").removeprefix("file://"), taken


def read_anchors(folder: str) -> list[Anchor]:
    """All anchors of a folder, the oldest first; none where there is no such folder.

    Raises:
        LedgerError: they cannot be read, or one of them is no anchor.
    """
    with _reported(folder):
        store, path = fsspec.url_to_fs(folder, use_listings_cache=False)
        files = sorted(store.ls(path, detail=False)) if store.exists(path) else []
        contents = {file: store.cat_file(file) for file in files if file.endswith(SUFFIX)}
    return [_read(file, content) for file, content in contents.items()]


def _read(file: str, content: bytes) -> Anchor:
    try:
        return Anchor.model_validate_json(content)
    except ValidationError:
        raise LedgerError(f"{file} is no anchor, or was changed; look into who did that") from None


@contextmanager
def _reported(folder: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - each store has errors of its own
        raise LedgerError(
            without_credentials(f"anchors at {folder}: {first_line(error)}")
        ) from None
