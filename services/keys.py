"""API keys: random tokens that are shown once and kept only as hashes.

A token is `cl_<id>_<secret>`; the secret has 256 random bits, so that a plain SHA-256 of it can
be neither guessed nor looked up in tables, and needs no salt.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from services.ledger import ROLES, ApiKey, Ledger, Role

PREFIX = "cl"
ID_BYTES = 6
SECRET_BYTES = 32
NOBODYS = "0" * 64


class KeyRefusedError(RuntimeError):
    """A key is no key of ours, revoked, or of another role; the message says which."""


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. Its token is kept nowhere: whoever made it passes it on."""

    key: ApiKey
    token: str = field(repr=False)


def create_key(ledger: Ledger, owner: str, roles: tuple[Role, ...]) -> NewKey:
    """Make a key for a person or a job.

    Raises:
        ValueError: no owner, no role or an unknown one.
        LedgerError: it could not be stored.
    """
    unknown = sorted(set(roles) - set(ROLES))
    if not owner.strip() or not roles or unknown:
        got = f"unknown role {', '.join(unknown)}" if unknown else f"owner {owner!r}, roles {roles}"
        raise ValueError(f"{got}; a key wants an owner and roles out of {', '.join(ROLES)}")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key = ledger.add_key(secrets.token_hex(ID_BYTES), owner.strip(), roles, _hash(secret))
    return NewKey(key, f"{PREFIX}_{key.id}_{secret}")


def authenticate(ledger: Ledger, token: str, role: Role) -> ApiKey:
    """The key that a token opens.

    Unknown ids take as long as wrong secrets, and get the same answer.

    Raises:
        KeyRefusedError: the token is not one of ours, its key is revoked or lacks the role.
        LedgerError: the ledger cannot be read.
    """
    prefix, _, rest = token.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    key = ledger.find_key(key_id)
    if not _opens(secret, key) or prefix != PREFIX or key is None:
        raise KeyRefusedError("the key is not known; `creditloop keys list` lists those there are")
    if key.revoked_at:
        raise KeyRefusedError(
            f"key {key.id} of {key.owner} was revoked at {key.revoked_at:%Y-%m-%d %H:%M} UTC"
        )
    if not key.may(role):
        raise KeyRefusedError(
            f"key {key.id} of {key.owner} may {', '.join(key.roles)}, but this needs {role}"
        )
    return key


class KeyRing:
    """The active keys, held in memory: a request looks nothing up in the ledger."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] | None = None

    def refresh(self, ledger: Ledger) -> None:
        """Read them anew; raises LedgerError when that fails, and goes on with what it has."""
        self._keys = {key.id: key for key in ledger.list_keys() if key.revoked_at is None}

    @property
    def is_known(self) -> bool:
        """Whether they were read at all."""
        return self._keys is not None

    @property
    def is_empty(self) -> bool:
        """Whether nobody has an active key."""
        return self._keys == {}

    def find(self, token: str) -> ApiKey | None:
        """The active key that a token opens; unknown ids take as long as wrong secrets."""
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        key = (self._keys or {}).get(key_id)
        return key if _opens(secret, key) and prefix == PREFIX else None


def _opens(secret: str, key: ApiKey | None) -> bool:
    matches = hmac.compare_digest(_hash(secret), key.hash if key else NOBODYS)
    return matches and key is not None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
