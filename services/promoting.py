"""A person's decision on a waiting promotion, and telling the Prefect run that waits for it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from configs.settings import Settings
from services.fetching import fetch_package
from services.ledger import ApiKey, Deployment, Ledger, Promotion
from services.runs import Prefect, RunError


def waiting(promotions: Sequence[Promotion]) -> list[Promotion]:
    """Those that wait for a person."""
    now = datetime.now(UTC)
    return [promotion for promotion in promotions if promotion.state(now) == "waiting"]


def decide(
    promotion: Promotion,
    decision: Literal["approve", "reject"],
    key: ApiKey,
    why: str,
    ledger: Ledger,
    settings: Settings,
) -> Deployment | None:
    """Put a waiting package in production, or keep it out.

    Raises:
        PackageError: it does not verify, so it could not be served.
        PromotionError: it does not wait, or the key may not decide on it.
    """
    if decision == "reject":
        ledger.reject(promotion.id, key, why)
        return None
    fetch_package(settings.home, promotion.uri, promotion.digest)
    return ledger.approve(promotion.id, key, why, settings.promotion.requester_may_approve)


def resume_ended(ledger: Ledger, dataset: str, waited: Sequence[Promotion]) -> list[str]:
    """Let the suspended runs of promotions that do not wait any more find out.

    The ledger's decision stands without that.

    Args:
        ledger: where the decision stands.
        dataset: whose promotions have changed.
        waited: the promotions that waited before.

    Returns:
        A sentence for each run that could not be told.
    """
    still = {promotion.id for promotion in waiting(ledger.promotions(dataset))}
    ended = [promotion for promotion in waited if promotion.id not in still]
    return [note for note in map(_resume, ended) if note]


def _resume(promotion: Promotion) -> str:
    if promotion.api_url is None:
        return ""
    prefect = Prefect.known() or Prefect(promotion.api_url)
    try:
        prefect.resume(promotion.run_id)
    except RunError as error:
        return (
            f"run {promotion.run_id} did not hear of it ({error}); press Resume in Prefect's page"
        )
    return ""
