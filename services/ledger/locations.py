"""Where the ledger says that packages lie."""

from sqlalchemy import select, union

from services.ledger.store import Ledger
from services.ledger.tables import challengers, deployments, promotions


def package_uris(ledger: Ledger, digest: str) -> list[str]:
    """Where a package was deployed from, promoted from or scored from as a challenger.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    query = union(
        *(
            select(table.c.uri).where(table.c.digest == digest)
            for table in (deployments, promotions, challengers)
        )
    )
    with ledger.reading() as connection:
        return [uri for uri in connection.scalars(query) if uri]
