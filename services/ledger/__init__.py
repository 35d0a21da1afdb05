"""The ledger: evidence of what was decided and of who put which model in production."""

from services.ledger.errors import LedgerError, PromotionError
from services.ledger.records import (
    OWN_KEYS,
    ROLES,
    ApiKey,
    Approval,
    Candidate,
    Deployment,
    Promotion,
    PromotionDecision,
    Role,
    State,
)
from services.ledger.store import Ledger, open_ledger, without_secrets

__all__ = [
    "OWN_KEYS",
    "ROLES",
    "ApiKey",
    "Approval",
    "Candidate",
    "Deployment",
    "Ledger",
    "LedgerError",
    "Promotion",
    "PromotionDecision",
    "PromotionError",
    "Role",
    "State",
    "open_ledger",
    "without_secrets",
]
