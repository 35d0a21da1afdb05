"""The ledger: evidence of what was decided and of who put which model in production."""

from services.ledger.store import Deployment, Ledger, LedgerError, open_ledger, without_secrets

__all__ = ["Deployment", "Ledger", "LedgerError", "open_ledger", "without_secrets"]
