"""Rows of the ledger as JSON."""

from dataclasses import asdict
from datetime import UTC, datetime

from services.ledger import Deployment, Promotion


def plain_deployment(deployment: Deployment) -> dict[str, object]:
    """A deployment as JSON."""
    promotion_id = deployment.promotion_id
    return {
        **asdict(deployment),
        "id": str(deployment.id),
        "at": deployment.at.isoformat(timespec="seconds"),
        "promotion_id": str(promotion_id) if promotion_id else None,
    }


def plain_promotion(promotion: Promotion) -> dict[str, object]:
    """A promotion as JSON, with its state at this moment."""
    decision = promotion.decision
    return {
        **asdict(promotion),
        "id": str(promotion.id),
        "at": promotion.at.isoformat(timespec="seconds"),
        "expires_at": promotion.expires_at.isoformat(timespec="seconds"),
        "state": promotion.state(datetime.now(UTC)),
        "decision": decision
        and {
            "at": decision.at.isoformat(timespec="seconds"),
            "decision": decision.decision,
            "key_owner": decision.key_owner,
            "key_id": decision.key_id,
            "reason": decision.reason,
        },
    }
