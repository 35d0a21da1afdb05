"""Reading and writing the ledger. What is evidence is only ever added to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, Select, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from uuid_utils.compat import uuid7

from services.ledger.database import connect, exclusive, upgrade
from services.ledger.tables import deployments

Action = Literal["deploy", "rollback"]


class LedgerError(RuntimeError):
    """The ledger cannot be opened, read or written; the message says why."""


@dataclass(frozen=True)
class Deployment:
    """One change of the model in production."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    uri: str
    family: str
    action: Action
    actor: str
    reason: str
    run_id: str | None


class Ledger:
    """The evidence of one Creditloop installation."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def deploy(
        self,
        dataset: str,
        digest: str,
        uri: str,
        family: str,
        actor: str,
        reason: str,
        run_id: str | None = None,
    ) -> Deployment:
        """Put a package in production.

        Args:
            dataset: name of the data set that it scores.
            digest: the package's identity.
            uri: where the package lies: a path, relative ones under the home folder.
            family: the model family.
            actor: the person or job that deploys.
            reason: why.
            run_id: the training run that made the package.

        Raises:
            LedgerError: the row could not be stored.
        """
        with self._reported(), exclusive(self._engine) as connection:
            row = Deployment(
                id=uuid7(),
                at=_next_time(connection, dataset),
                dataset=dataset,
                digest=digest,
                uri=uri,
                family=family,
                action="deploy",
                actor=actor,
                reason=reason,
                run_id=run_id,
            )
            connection.execute(insert(deployments), asdict(row))
        return row

    def current(self, dataset: str) -> Deployment | None:
        """The newest deployment of a data set; raises LedgerError when it cannot be read."""
        with self._reported(), self._engine.connect() as connection:
            return _newest(connection, dataset)

    def history(self, dataset: str) -> list[Deployment]:
        """All deployments of a data set, the newest first."""
        with self._reported(), self._engine.connect() as connection:
            rows = connection.execute(_newest_first(dataset)).mappings()
            return [Deployment(**row) for row in rows]

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        with _reported(without_secrets(self._engine.url)):
            yield


def open_ledger(url: str) -> Ledger:
    """Open the ledger, creating it or bringing its schema up to date first.

    Raises:
        LedgerError: the URL is wrong, the database is out of reach, or a newer Creditloop wrote it.
    """
    with _reported(without_secrets(url)):
        engine = connect(url)
        upgrade(engine)
    return Ledger(engine)


def _newest_first(dataset: str) -> Select[tuple[object, ...]]:
    return (
        select(deployments)
        .where(deployments.c.dataset == dataset)
        .order_by(deployments.c.at.desc(), deployments.c.id.desc())
    )


def _newest(connection: Connection, dataset: str) -> Deployment | None:
    row = connection.execute(_newest_first(dataset).limit(1)).mappings().first()
    return Deployment(**row) if row else None


def _next_time(connection: Connection, dataset: str) -> datetime:
    """Now, but after the newest row: a clock set back must not hide a rollback."""
    now = datetime.now(UTC)
    newest = _newest(connection, dataset)
    return max(now, newest.at + timedelta(microseconds=1)) if newest else now


@contextmanager
def _reported(where: str) -> Iterator[None]:
    """Turn what databases and migrations raise into one line."""
    try:
        yield
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerError(
            f"ledger {where}: {error}; expected sqlite:////FULL/PATH or postgresql://USER@HOST/NAME"
        ) from None
    except CommandError as error:
        raise LedgerError(
            f"ledger {where}: {error}; was it written by a newer Creditloop?"
        ) from None
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise LedgerError(f"ledger {where}: {str(cause).splitlines()[0]}") from None


def without_secrets(url: str | URL) -> str:
    """A database URL to show: without its password, and without its query, which may hold one.

    >>> without_secrets("postgresql://ana:secret@db/ledger?password=secret")
    'postgresql://ana:***@db/ledger'
    """
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "URL"
