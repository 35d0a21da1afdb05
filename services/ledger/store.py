"""Reading and writing the ledger. What is evidence is only ever added to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, Select, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from uuid_utils.compat import uuid7

from credit.package import VERSION_DIGITS
from services.faults import first_line
from services.ledger.database import connect, exclusive, upgrade, writing
from services.ledger.errors import LedgerError, PromotionError
from services.ledger.history import named, previous
from services.ledger.promotions import (
    add,
    changed,
    check_approver,
    check_open,
    decide,
    lapse_stale,
    select_all,
    select_of_run,
    select_one,
)
from services.ledger.records import ApiKey, Approval, Candidate, Deployment, Promotion, Role
from services.ledger.tables import api_keys, deployments, newest_first


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
            return _put_in_production(
                connection,
                dataset=dataset,
                digest=digest,
                uri=uri,
                family=family,
                action="deploy",
                actor=actor,
                reason=reason,
                run_id=run_id,
            )

    def roll_back(self, leaving: Deployment, to: Deployment, actor: str, reason: str) -> Deployment:
        """Put a package back in production that was there before.

        Args:
            leaving: what is in production.
            to: what `rollback_target` found.
            actor: who does it.
            reason: why.

        Raises:
            PromotionError: something else is in production by now.
        """
        dataset = leaving.dataset
        with self._reported(), exclusive(self._engine) as connection:
            current = _newest(connection, dataset)
            if current != leaving or to.dataset != dataset:
                found = f"version {current.digest[:VERSION_DIGITS]}" if current else "nothing"
                raise PromotionError(
                    f"{found} is in production of {dataset} by now, not version "
                    f"{leaving.digest[:VERSION_DIGITS]}; look again with `creditloop models`"
                )
            return _put_in_production(
                connection,
                dataset=dataset,
                digest=to.digest,
                uri=to.uri,
                family=to.family,
                action="rollback",
                actor=actor,
                reason=reason,
                run_id=to.run_id,
            )

    def rollback_target(self, dataset: str, to: str | None = None) -> Deployment:
        """What a rollback puts back: the model before the current one, or an earlier one by digest.

        A model that was itself rolled back is never returned to unless it is named.

        Raises:
            PromotionError: there is nothing to go back to, or `to` begins no earlier digest.
        """
        history = self.history(dataset)
        return named(history, to, dataset) if to else previous(history, dataset)

    def request(
        self,
        candidate: Candidate,
        verdict: Mapping[str, Any],
        approval: Approval,
        approval_days: float,
    ) -> Promotion | None:
        """Ask for a package to be put in production, under the verdict of the gates.

        It is at once where approval is automatic and the verdict is `promote`; it waits for a
        person otherwise, unless the gates refuse it. A run that asks again gets its first answer.

        Args:
            candidate: what asks.
            verdict: a credit.promotion.Verdict as JSON, of which `overall` and `reason` count.
            approval: whether the gates alone may let it in.
            approval_days: how long it may wait for a person.

        Returns:
            The promotion, or None when that very package is in production already.

        Raises:
            LedgerError: it could not be stored.
        """
        with self._reported(), exclusive(self._engine) as connection:
            known = select_of_run(connection, candidate.run_id)
            if known:
                return known
            current, now = _newest(connection, candidate.dataset), datetime.now(UTC)
            digest = current.digest if current else None
            if digest == candidate.digest:
                return None
            promotion = add(connection, candidate, verdict, now, approval_days)
            if promotion.outcome == "refuse":
                return promotion
            if digest != candidate.champion:
                reason = changed(candidate.champion, digest)
                return decide(connection, promotion, "lapse", None, reason, now)
            if approval == "manual" or promotion.outcome != "promote":
                return promotion
            promotion = decide(connection, promotion, "approve", None, verdict["reason"], now)
            _deploy_promoted(connection, promotion, f"{candidate.reason}; {verdict['reason']}")
            return promotion

    def approve(
        self, promotion_id: UUID, key: ApiKey, reason: str, requester_may_approve: bool = False
    ) -> Deployment:
        """Let a waiting promotion into production: decision and deployment are one transaction.

        A promotion that is approved already keeps its decision and its deployment.

        Raises:
            PromotionError: it does not wait, or was replaced since it was approved; the champion
                has changed; the key is revoked, lacks the role or belongs to the requester.
        """
        with self._decision(promotion_id) as (connection, promotion, now):
            if promotion.decision and promotion.decision.decision == "approve":
                return _still_in_production(connection, promotion)
            check_open(promotion, now)
            _check_key(connection, key)
            check_approver(promotion, key, requester_may_approve)
            decide(connection, promotion, "approve", key, reason, now)
            return _deploy_promoted(connection, promotion, reason, key.owner)

    def reject(self, promotion_id: UUID, key: ApiKey, reason: str) -> Promotion:
        """End a waiting promotion; the requester may do that to his own.

        Raises:
            PromotionError: it does not wait, or the key is revoked or lacks the role.
        """
        with self._decision(promotion_id) as (connection, promotion, now):
            if promotion.decision and promotion.decision.decision == "reject":
                return promotion
            check_open(promotion, now)
            _check_key(connection, key)
            return decide(connection, promotion, "reject", key, reason, now)

    def promotions(self, dataset: str | None = None) -> list[Promotion]:
        """All promotions, or those of a data set, the newest first."""
        with self.reading() as connection:
            return select_all(connection, dataset)

    def promotion_of_run(self, run_id: str) -> Promotion | None:
        """The promotion that a training run asked for."""
        with self.reading() as connection:
            return select_of_run(connection, run_id)

    def add_key(self, key_id: str, owner: str, roles: tuple[Role, ...], key_hash: str) -> ApiKey:
        """Store a key."""
        key = ApiKey(key_id, owner, roles, key_hash, datetime.now(UTC))
        with self._reported(), exclusive(self._engine) as connection:
            connection.execute(insert(api_keys), asdict(key))
        return key

    def list_keys(self) -> list[ApiKey]:
        """All keys, the oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        with self.reading() as connection:
            return [_read_key(row) for row in connection.execute(query).mappings()]

    def find_key(self, key_id: str) -> ApiKey | None:
        """The key of an id, revoked or not."""
        with self.reading() as connection:
            return _find_key(connection, key_id)

    def revoke_key(self, key_id: str) -> ApiKey:
        """End a key; one that is revoked already keeps its time.

        Raises:
            LedgerError: there is no such key.
        """
        with self._reported(), exclusive(self._engine) as connection:
            key = _find_key(connection, key_id)
            if key is None:
                raise LedgerError(f"there is no key {key_id}; `creditloop keys list` lists them")
            if key.revoked_at is None:
                connection.execute(
                    update(api_keys)
                    .where(api_keys.c.id == key_id)
                    .values(revoked_at=datetime.now(UTC))
                )
            return _find_key(connection, key_id) or key

    def current(self, dataset: str) -> Deployment | None:
        """The newest deployment of a data set; raises LedgerError when it cannot be read."""
        with self.reading() as connection:
            return _newest(connection, dataset)

    def history(self, dataset: str) -> list[Deployment]:
        """All deployments of a data set, the newest first."""
        with self.reading() as connection:
            return _history(connection, dataset)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; raises LedgerError for what goes wrong inside."""
        with self._reported(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction to write in; raises LedgerError for what goes wrong inside."""
        with self._reported(), writing(self._engine) as connection:
            yield connection

    @contextmanager
    def exclusive(self) -> Iterator[Connection]:
        """A transaction that no other exclusive one runs beside; raises LedgerError as above."""
        with self._reported(), exclusive(self._engine) as connection:
            yield connection

    @property
    def engine(self) -> Engine:
        """The database, for those who write all day."""
        return self._engine

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _decision(self, promotion_id: UUID) -> Iterator[tuple[Connection, Promotion, datetime]]:
        """A transaction to decide in; what is stale has lapsed for good before it begins."""
        with self._reported():
            with exclusive(self._engine) as connection:
                promotion, now = select_one(connection, promotion_id), datetime.now(UTC)
                current = _newest(connection, promotion.dataset)
                lapse_stale(connection, promotion.dataset, current.digest if current else None, now)
            with exclusive(self._engine) as connection:
                yield connection, select_one(connection, promotion_id), datetime.now(UTC)

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


def _put_in_production(connection: Connection, **what: Any) -> Deployment:
    """Add a deployment, after which what was compared with the one before has lapsed."""
    now = _next_time(connection, what["dataset"])
    row = Deployment(id=uuid7(), at=now, **what)
    connection.execute(insert(deployments), asdict(row))
    lapse_stale(connection, row.dataset, row.digest, now)
    return row


def _deploy_promoted(
    connection: Connection, promotion: Promotion, reason: str, approver: str | None = None
) -> Deployment:
    return _put_in_production(
        connection,
        dataset=promotion.dataset,
        digest=promotion.digest,
        uri=promotion.uri,
        family=promotion.family,
        action="deploy",
        actor=promotion.requester,
        reason=reason,
        run_id=promotion.run_id,
        promotion_id=promotion.id,
        approver=approver,
    )


def _still_in_production(connection: Connection, promotion: Promotion) -> Deployment:
    """The deployment of an approved promotion; raises PromotionError when another followed it."""
    current = _newest(connection, promotion.dataset)
    if current is None or current.promotion_id != promotion.id:
        raise PromotionError(
            f"promotion {promotion.id} was approved, but another model is in production since; "
            "`creditloop models` shows which"
        )
    return current


def _check_key(connection: Connection, key: ApiKey) -> None:
    """Raise PromotionError unless the key may approve at this moment."""
    known = _find_key(connection, key.id)
    if known is None or known.revoked_at or "approve" not in known.roles:
        raise PromotionError(f"key {key.id} of {key.owner} may not approve, or not any more")


def _find_key(connection: Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).mappings().first()
    return _read_key(row) if row else None


def _read_key(row: Mapping[Any, Any]) -> ApiKey:
    return ApiKey(**{**row, "roles": tuple(row["roles"])})


def _history(connection: Connection, dataset: str) -> list[Deployment]:
    rows = connection.execute(_newest_first(dataset)).mappings()
    return [Deployment(**row) for row in rows]


def _newest_first(dataset: str) -> Select[tuple[object, ...]]:
    return (
        select(deployments)
        .where(deployments.c.dataset == dataset)
        .order_by(*newest_first(deployments))
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
        raise LedgerError(f"ledger {where}: {first_line(error)}") from None


def without_secrets(url: str | URL) -> str:
    """A database URL to show: without its password, and without its query, which may hold one.

    >>> without_secrets("postgresql://ana:secret@db/ledger?password=secret")
    'postgresql://ana:***@db/ledger'
    """
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "URL"
