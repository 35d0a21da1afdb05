"""Protected attributes, sent for fairness monitoring alone: read with a role of their own."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.ledger.database import chunks
from services.ledger.errors import NotAllowedError
from services.ledger.records import ApiKey
from services.ledger.store import Ledger
from services.ledger.tables import protected_attributes

ROLE = "fairness"


def read_protected(
    ledger: Ledger, decision_ids: Iterable[UUID], key: ApiKey
) -> dict[UUID, Mapping[str, Any]]:
    """The protected attributes of those decisions that have any.

    Raises:
        NotAllowedError: the key is revoked or lacks the role `fairness`.
        LedgerError: the ledger cannot be read.
    """
    known = ledger.find_key(key.id)
    if known is None or known.revoked_at or ROLE not in known.roles:
        raise NotAllowedError(
            f"key {key.id} of {key.owner} may not read protected attributes; that needs the role "
            f"{ROLE}"
        )
    found: dict[UUID, Mapping[str, Any]] = {}
    with ledger.reading() as connection:
        for some in chunks(decision_ids):
            query = select(protected_attributes).where(protected_attributes.c.decision_id.in_(some))
            found.update((row.decision_id, row.attributes) for row in connection.execute(query))
    return found
