"""What the settings decide in Prefect, once its deployments are registered."""

from configs.settings import Settings
from flows.local.processes import ProcessError
from services.runs import Prefect, RunError

POOL = "creditloop"
DRIFT_CHECK = "drift-check/drift-check"
ON_CRITICAL_DRIFT = "creditloop-retrain-on-critical-drift"
# A server that has just started has much to do.
PATIENCE_SECONDS = 30


def set_switches(settings: Settings, api: str) -> None:
    """Limit the pool, and switch on or off what is to run by itself.

    Raises:
        ProcessError: Prefect does not do so.
    """
    prefect = Prefect(api, PATIENCE_SECONDS)
    try:
        _limit_pool(prefect)
        _follow_hourly(prefect, settings.monitoring.hourly)
        _follow_policy(prefect, settings.retraining.on_critical_drift)
    except RunError as error:
        raise ProcessError(f"Prefect does not take its settings: {error}") from None


def _limit_pool(prefect: Prefect) -> None:
    """One run at a time. A suspended run does not count, so that others run while it waits.

    The limit is the pool's: a worker with `--limit` dies when a suspended run is resumed while its
    process still ends ("this borrower is already holding one of this CapacityLimiter's tokens").
    """
    prefect.ask("PATCH", f"work_pools/{POOL}", {"concurrency_limit": 1})


def _follow_hourly(prefect: Prefect, is_hourly: bool) -> None:
    """Let the hourly drift check run when the settings say so; the nightly one always does."""
    found = prefect.ask("GET", f"deployments/name/{DRIFT_CHECK}")
    (hourly,) = [each for each in found["schedules"] if each["slug"] == "hourly"]
    path = f"deployments/{found['id']}/schedules/{hourly['id']}"
    prefect.ask("PATCH", path, {"active": is_hourly})


def _follow_policy(prefect: Prefect, is_on: bool) -> None:
    """Let critical drift ask for a retraining by itself when the settings say so."""
    wanted = {"automations": {"name": {"any_": [ON_CRITICAL_DRIFT]}}}
    for automation in prefect.ask("POST", "automations/filter", wanted):
        prefect.ask("PATCH", f"automations/{automation['id']}", {"enabled": is_on})
