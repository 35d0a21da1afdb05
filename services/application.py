"""One application as it was sent, after its fields were checked."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Application:
    """What is decided on.

    protected: attributes for fairness monitoring, which no model sees. claims, body_hash: see
    `services.ledger.decisions.NewDecision`.
    """

    fields: Mapping[str, object]
    application_id: str | None = None
    protected: Mapping[str, object] | None = None
    claims: tuple[str, ...] = ()
    body_hash: str = ""
