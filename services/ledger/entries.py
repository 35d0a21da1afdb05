"""What a transaction of the journal writes."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Dialect, bindparam, insert, select, update
from uuid_utils.compat import uuid7

from services.ledger.chain import Tip, link, payload_hash
from services.ledger.claims import claim
from services.ledger.decisions import Kept, NewDecision
from services.ledger.prepared import Prepared
from services.ledger.tables import chains, decisions, newest_first, protected_attributes, referrals

STORED, STALE = Kept("stored"), Kept("stale")


class Entries:
    """Writes decisions, what they claim, and their place in a chain."""

    def __init__(self, dialect: Dialect):
        newest = select(referrals.c.id).where(referrals.c.dataset == bindparam("name"))
        newest = newest.order_by(*newest_first(referrals))
        move = update(chains).where(chains.c.id == bindparam("chain"))
        self._insert = Prepared(insert(decisions), dialect)
        self._move = Prepared(
            move.values(count=bindparam("reached"), head=bindparam("tip")), dialect
        )
        self._newest_switch = Prepared(newest, dialect)

    def keep(
        self, connection: Connection, rows: Sequence[NewDecision], tip: Tip | None
    ) -> tuple[list[Kept], Tip | None]:
        """Add decisions to a chain, or to a new one.

        Args:
            connection: a transaction that `begin_decisions` began.
            rows: in the order in which they are chained.
            tip: where the chain stands; none begins one.

        Returns:
            What became of each, and where the chain stands once the transaction is committed.
        """
        switches = self._newest_switches(connection, {row.dataset for row in rows})
        fresh = [row for row in rows if row.referral == switches[row.dataset]]
        lost = claim(connection, fresh)
        added = [row for row in fresh if row.id not in lost]
        if added:
            tip = self._append(connection, added, tip or _begin(connection, added[0]))
        fates = dict.fromkeys((row.id for row in added), STORED) | lost
        return [fates.get(row.id, STALE) for row in rows], tip

    def _append(self, connection: Connection, rows: Sequence[NewDecision], tip: Tip) -> Tip:
        chain, position, head = tip.chain, tip.count, tip.head
        written = []
        for row in rows:
            position += 1
            hashed = payload_hash(row.payload)
            about = (row.id, row.at, row.dataset, row.digest)
            judged = (row.probability, row.score, row.decision)
            head = link(head, chain, position, *about, *judged, hashed)
            private = (row.application_id, row.payload)
            written.append((*about, *judged, *private, hashed, chain, position, head))
        self._insert.run_many(connection, written)
        apart = [{"decision_id": r.id, "attributes": r.protected} for r in rows if r.protected]
        if apart:
            connection.execute(insert(protected_attributes), apart)
        self._move.run(connection, position, head, chain)
        return Tip(chain, position, head)

    def _newest_switches(
        self, connection: Connection, datasets: set[str]
    ) -> dict[str, UUID | None]:
        return {
            name: _uuid(self._newest_switch.run(connection, name).scalar()) for name in datasets
        }


def _begin(connection: Connection, first: NewDecision) -> Tip:
    tip = Tip(uuid7())
    row = {"id": tip.chain, "started_at": first.at, "count": tip.count, "head": tip.head}
    connection.execute(insert(chains), row)
    return tip


def _uuid(value: UUID | str | None) -> UUID | None:
    """An id as the driver gives it; SQLite has no type for it."""
    return UUID(value) if isinstance(value, str) else value
