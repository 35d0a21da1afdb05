"""Watching a new champion, and taking it back."""

import os
from datetime import datetime

import httpx
from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prometheus_client.parser import text_string_to_metric_families

from configs.settings import Settings
from credit.guard import Traffic, Watched, objections
from credit.package import VERSION_DIGITS, PackageError
from services.fetching import fetch_package
from services.ledger import Deployment, Ledger, PromotionError
from services.ledger.challengers import challenge, current_challenger, stop_challenger
from services.ledger.swaps import Swap, approvals, newest_swap, scores
from services.telemetry import MODEL_REQUESTS, MODEL_SWAPS

GUARD = "guard"
# A key with the role `monitor`, where the service wants one.
KEY = "CREDITLOOP_MONITOR_KEY"
SECONDS = 5


@task(name="guard", task_run_name="guard the champion of {dataset}", cache_policy=NO_CACHE)
def guard(dataset: str, ledger: Ledger, settings: Settings, now: datetime) -> Deployment | None:
    """Look at a champion that is new, and put the former one back where it does badly.

    Looking again does no harm: what was taken back is not in production, and a rollback is not
    watched. Once the time is over the former champion leaves the shadow.

    Args:
        dataset: whose champion.
        ledger: where it decides.
        settings: the limits, and where the service answers.
        now: the clock's time, for deployments have no other.

    Returns:
        The rollback, if there was one.
    """
    swap = newest_swap(ledger, dataset, settings.monitoring.guard.minutes, now)
    if swap is None:
        _leave_alone(ledger, dataset)
        return None
    _keep_in_shadow(ledger, swap)
    watched = _watch(ledger, swap, settings)
    found = objections(watched, settings.monitoring.guard, settings.drift.critical)
    if not found:
        return None
    return _take_back(ledger, swap, "; ".join(found), settings)


def _watch(ledger: Ledger, swap: Swap, settings: Settings) -> Watched:
    new, former = (row.digest[:VERSION_DIGITS] for row in (swap.new, swap.former))
    own, before = approvals(ledger, swap)
    live, shadow = scores(ledger, swap)
    traffic, refused = _traffic(settings)
    return Watched(
        approvals=own,
        former_approvals=before,
        traffic=traffic.get(new, Traffic()),
        former_traffic=traffic.get(former, Traffic()),
        refused=refused.get(new, 0),
        scores=live,
        shadow_scores=shadow,
    )


def _traffic(settings: Settings) -> tuple[dict[str, Traffic], dict[str, int]]:
    """By version: requests as the service counts them, and how often it refused to load one."""
    url = f"http://{settings.serving.host}:{settings.serving.port}/metrics"
    key = os.environ.get(KEY)
    headers = {"X-API-Key": key} if key else {}
    try:
        answer = httpx.get(url, headers=headers, timeout=SECONDS, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        get_run_logger().warning(
            "errors and latency are not known, %s does not tell (%s); approvals and scores are "
            "judged from the ledger",
            url,
            error,
        )
        return {}, {}
    return read_traffic(answer.text)


def read_traffic(text: str) -> tuple[dict[str, Traffic], dict[str, int]]:
    """Traffic and refusals by version, from Prometheus's text format."""
    counts: dict[str, dict[str, float]] = {}
    refused: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            version = sample.labels.get("version", "")
            if sample.name in (f"{MODEL_REQUESTS}_count", f"{MODEL_REQUESTS}_sum"):
                of_version = counts.setdefault(version, {})
                failed = "failed" if sample.labels["failed"] == "true" else "sound"
                name = f"{failed}{sample.name.removeprefix(MODEL_REQUESTS)}"
                of_version[name] = of_version.get(name, 0.0) + sample.value
            elif sample.name == MODEL_SWAPS and sample.labels["result"] == "refused":
                refused[version] = int(sample.value)
    return {version: _of_version(values) for version, values in counts.items()}, refused


def _of_version(values: dict[str, float]) -> Traffic:
    sound, failed = int(values.get("sound_count", 0)), int(values.get("failed_count", 0))
    mean = values.get("sound_sum", 0.0) / sound if sound else 0.0
    return Traffic(requests=sound + failed, failed=failed, seconds=mean)


def _take_back(ledger: Ledger, swap: Swap, reasons: str, settings: Settings) -> Deployment | None:
    log = get_run_logger()
    version = swap.new.digest[:VERSION_DIGITS]
    try:
        fetch_package(settings.home, swap.former.uri, swap.former.digest)
        row = ledger.roll_back(swap.new, swap.former, GUARD, reasons)
    except PackageError as error:
        log.error("version %s stays, for there is nothing to go back to: %s", version, error)
        return None
    except PromotionError as error:  # somebody was quicker
        log.warning("%s", error)
        return None
    _leave_alone(ledger, swap.new.dataset)
    words = f"version {version} was taken back: {reasons}"
    log.error("%s", words)
    create_markdown_artifact(words, key=f"{swap.new.dataset}-guard", description="Rollback")
    return row


def _keep_in_shadow(ledger: Ledger, swap: Swap) -> None:
    """Let the former champion score beside the new one, so that both see the same applicants."""
    if current_challenger(ledger, swap.new.dataset) is None:
        former = swap.former
        model = (former.dataset, former.digest, former.uri, former.family)
        challenge(ledger, *model, GUARD, "the former champion, while the new one is watched")


def _leave_alone(ledger: Ledger, dataset: str) -> None:
    """End what the guard put in the shadow; a person's challenger stays."""
    challenger = current_challenger(ledger, dataset)
    if challenger and challenger.actor == GUARD:
        stop_challenger(ledger, dataset, GUARD, "the new champion is watched no more")
