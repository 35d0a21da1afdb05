"""The rows of the ledger as they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

Action = Literal["deploy", "rollback"]
Approval = Literal["auto", "manual"]
Outcome = Literal["promote", "needs approval", "refuse"]
Decision = Literal["approve", "reject", "lapse"]
State = Literal["waiting", "approved", "rejected", "lapsed", "refused"]
Role = Literal["score", "outcome", "review", "approve", "monitor", "fairness", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)
# Deciding on promotions and reading protected attributes: nobody may by another role.
OWN_KEYS: frozenset[Role] = frozenset({"approve", "fairness"})
DECIDED: dict[Decision, State] = {
    "approve": "approved",
    "reject": "rejected",
    "lapse": "lapsed",
}


@dataclass(frozen=True)
class Deployment:
    """One change of the model in production.

    promotion_id, approver: the promotion it came from, and the owner of the key that let it in;
    none where the gates alone decided, or for a rollback.
    """

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
    promotion_id: UUID | None = None
    approver: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A package that asks for production.

    uri: where it lies: a path, relative ones under the home folder.
    champion: the digest in production that it was compared with; none for a first model.
    requester: the person or job that asks, who may not approve it.
    api_url: the Prefect API whose run waits for the decision, if one does.
    """

    dataset: str
    digest: str
    uri: str
    family: str
    run_id: str
    requester: str
    reason: str
    champion: str | None
    api_url: str | None = None


@dataclass(frozen=True)
class PromotionDecision:
    """The end of a promotion; without a key, the gates or the clock decided."""

    promotion_id: UUID
    at: datetime
    decision: Decision
    key_owner: str | None
    key_id: str | None
    reason: str


@dataclass(frozen=True)
class Promotion:
    """What asked for production, how the gates judged it, and what became of it.

    verdict: the gates and what follows from them, as JSON.
    """

    id: UUID
    at: datetime
    expires_at: datetime
    dataset: str
    digest: str
    uri: str
    family: str
    run_id: str
    requester: str
    reason: str
    champion: str | None
    api_url: str | None
    outcome: Outcome
    verdict: Mapping[str, Any]
    decision: PromotionDecision | None = None

    def state(self, now: datetime) -> State:
        """Where it stands; what nobody decided on in time has lapsed, whether written or not."""
        if self.decision:
            return DECIDED[self.decision.decision]
        if self.outcome == "refuse":
            return "refused"
        return "lapsed" if self.expires_at <= now else "waiting"


@dataclass(frozen=True)
class ApiKey:
    """A key: whose it is and what it may do. The token itself is not kept."""

    id: str
    owner: str
    roles: tuple[Role, ...]
    hash: str = field(repr=False)
    created_at: datetime
    revoked_at: datetime | None = None

    def may(self, role: Role) -> bool:
        """Whether it opens what the role opens; an admin's opens all but what has its own keys."""
        return role in self.roles or ("admin" in self.roles and role not in OWN_KEYS)
