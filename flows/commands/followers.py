"""Who follows the ledger: MLflow's alias, and runs that wait in Prefect."""

import os
from collections.abc import Sequence
from urllib.parse import quote

import httpx

from configs.settings import Settings
from configs.urls import without_credentials
from credit.package import VERSION_DIGITS
from flows.commands.rows import waiting
from services.ledger import Deployment, Ledger, Promotion

API_URL, API_USER = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING"
RESUME_SECONDS = 10


def follow(
    ledger: Ledger, dataset: str, waited: Sequence[Promotion], settings: Settings
) -> list[str]:
    """Let MLflow's alias and Prefect's suspended runs follow the ledger.

    The ledger has decided by then, so neither can fail the command.

    Args:
        ledger: where the decision stands.
        dataset: whose model in production or promotions have changed.
        waited: the promotions that waited before.
        settings: where MLflow is.

    Returns:
        A sentence for each that could not follow.
    """
    still = {promotion.id for promotion in waiting(ledger.promotions(dataset))}
    ended = [promotion for promotion in waited if promotion.id not in still]
    current = ledger.current(dataset)
    notes = [_name_champion(current, settings)] if current else []
    return [note for note in (*notes, *map(_resume, ended)) if note]


def _name_champion(current: Deployment, settings: Settings) -> str:
    try:
        from tasks.tracking import CHAMPION, TrackingError, follow_ledger
    except ImportError:
        return "MLflow is not installed here; its alias follows with the next training"
    try:
        version = follow_ledger(current.dataset, current.digest, settings)
    except TrackingError as error:
        return f"MLflow's alias {CHAMPION} stays behind: {error}"
    if version is None:
        return f"MLflow has no version of {current.digest[:VERSION_DIGITS]}; its alias stays"
    return ""


def _resume(promotion: Promotion) -> str:
    """Let a suspended run find out; the ledger's decision stands without that."""
    if promotion.api_url is None:
        return ""
    user, _, password = os.environ.get(API_USER, "").partition(":")
    url = (os.environ.get(API_URL) or promotion.api_url).rstrip("/")
    try:
        httpx.post(
            f"{url}/flow_runs/{quote(promotion.run_id)}/resume",
            auth=(user, password) if user else None,
            timeout=RESUME_SECONDS,
        ).raise_for_status()
    except httpx.HTTPError as error:
        return without_credentials(
            f"run {promotion.run_id} did not hear of it at {url} ({error}); press Resume in "
            "Prefect's page"
        )
    return ""
