"""Claims: what makes a request the same as an earlier one, so that it is decided on once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from services.ledger.database import chunks
from services.ledger.decisions import Kept, NewDecision
from services.ledger.tables import claims


@dataclass(frozen=True)
class _Holder:
    """The decision that holds a claim."""

    id: UUID
    body_hash: str


def claim(connection: Connection, rows: Sequence[NewDecision]) -> dict[UUID, Kept]:
    """Claim what the rows claim, the first of them first.

    Returns:
        What became of the rows that lost to an earlier decision; they hold nothing.
    """
    # The first row that wants a claim; sorted, so that no two writers wait for each other.
    wanted = {name: row for row in reversed(rows) for name in row.claims}
    if not wanted:
        return {}
    won = _take(connection, sorted(wanted.items()))
    holders = _holders(connection, wanted.keys() - won)
    lost: dict[UUID, Kept] = {}
    for row in rows:
        earlier = [holders[name] for name in row.claims if name in holders]
        if earlier:
            lost[row.id] = _lost(row, earlier)
        else:
            holders.update(dict.fromkeys(row.claims, _Holder(row.id, row.body_hash)))
    if lost:
        # Who lost by one of two claims gives the other one back, to the next who wanted it.
        wrong = [name for name in won if name not in holders or holders[name].id != wanted[name].id]
        _give_back(connection, wrong, [row for row in rows if row.id not in lost])
    return lost


def _lost(row: NewDecision, earlier: Sequence[_Holder]) -> Kept:
    others = [holder for holder in earlier if holder.body_hash != row.body_hash]
    return Kept("conflict", others[0].id) if others else Kept("known", earlier[0].id)


def _take(connection: Connection, wanted: Sequence[tuple[str, NewDecision]]) -> set[str]:
    """The claims that were free or had expired; concurrent writers take turns on each."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(claims)
    statement = statement.on_conflict_do_update(
        index_elements=[claims.c.claim],
        set_={
            name: getattr(statement.excluded, name)
            for name in ("decision_id", "body_hash", "at", "expires_at")
        },
        where=claims.c.expires_at <= statement.excluded.at,
    ).returning(claims.c.claim)
    return set(connection.scalars(statement, [_row(name, row) for name, row in wanted]))


def _holders(connection: Connection, names: Iterable[str]) -> dict[str, _Holder]:
    holders: dict[str, _Holder] = {}
    query = select(claims.c.claim, claims.c.decision_id, claims.c.body_hash)
    for some in chunks(names):
        for name, decision_id, body_hash in connection.execute(
            query.where(claims.c.claim.in_(some))
        ):
            holders[name] = _Holder(decision_id, body_hash)
    return holders


def _give_back(
    connection: Connection, names: Sequence[str], winners: Sequence[NewDecision]
) -> None:
    for some in chunks(names):
        connection.execute(delete(claims).where(claims.c.claim.in_(some)))
    given = set(names)
    heirs = [_row(name, row) for row in winners for name in row.claims if name in given]
    if heirs:
        connection.execute(insert(claims), heirs)


def _row(name: str, row: NewDecision) -> Mapping[str, object]:
    return {
        "claim": name,
        "decision_id": row.id,
        "body_hash": row.body_hash,
        "at": row.at,
        "expires_at": row.claimed_until,
    }
