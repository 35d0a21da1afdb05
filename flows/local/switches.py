"""What the settings decide in Prefect, once its deployments are registered."""

import time
from http import HTTPStatus
from typing import Any

import httpx

from configs.settings import Settings
from flows.local.processes import ProcessError

POOL = "creditloop"
DRIFT_CHECK = "drift-check/drift-check"
ON_CRITICAL_DRIFT = "creditloop-retrain-on-critical-drift"
# So long Prefect may answer 503, which it does while its database is locked.
PATIENCE_SECONDS = 30


def set_switches(settings: Settings, api: str) -> None:
    """Limit the pool, and switch on or off what is to run by itself.

    Raises:
        ProcessError: Prefect does not do so.
    """
    try:
        with httpx.Client(base_url=api, timeout=30) as prefect:
            _limit_pool(prefect)
            _follow_hourly(prefect, settings.monitoring.hourly)
            _follow_policy(prefect, settings.retraining.on_critical_drift)
    except httpx.HTTPError as error:
        raise ProcessError(f"Prefect does not take its settings: {error}") from None


def _limit_pool(prefect: httpx.Client) -> None:
    """One run at a time. A suspended run does not count, so that others run while it waits.

    The limit is the pool's: a worker with `--limit` dies when a suspended run is resumed while its
    process still ends ("this borrower is already holding one of this CapacityLimiter's tokens").
    """
    _ask(prefect, "PATCH", f"work_pools/{POOL}", {"concurrency_limit": 1})


def _follow_hourly(prefect: httpx.Client, is_hourly: bool) -> None:
    """Let the hourly drift check run when the settings say so; the nightly one always does."""
    found = _ask(prefect, "GET", f"deployments/name/{DRIFT_CHECK}")
    (hourly,) = [each for each in found["schedules"] if each["slug"] == "hourly"]
    path = f"deployments/{found['id']}/schedules/{hourly['id']}"
    _ask(prefect, "PATCH", path, {"active": is_hourly})


def _follow_policy(prefect: httpx.Client, is_on: bool) -> None:
    """Let critical drift ask for a retraining by itself when the settings say so."""
    wanted = {"automations": {"name": {"any_": [ON_CRITICAL_DRIFT]}}}
    for automation in _ask(prefect, "POST", "automations/filter", wanted):
        _ask(prefect, "PATCH", f"automations/{automation['id']}", {"enabled": is_on})


def _ask(prefect: httpx.Client, method: str, path: str, content: object = None) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = prefect.request(method, path, json=content)
        is_busy = answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        if not is_busy or time.monotonic() > deadline:
            answer.raise_for_status()
            return answer.json() if answer.content else None
        time.sleep(1)
