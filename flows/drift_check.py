"""The drift check: what a night's decisions look like beside the champion's reference."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

from prefect import Task, flow, get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote

from configs.datasets import load_spec
from configs.settings import Settings, load_settings
from configs.urls import without_credentials
from credit.package import Package
from flows.packages import find_package_of
from flows.results import DriftCheckResult, drift_check_result
from services.faults import first_line
from services.ledger import open_ledger
from tasks.circumstances import clock
from tasks.monitoring.drift import check_window
from tasks.monitoring.findings import Findings, message
from tasks.monitoring.notifying import notify
from tasks.monitoring.pages import draw_page
from tasks.monitoring.performance import report_performance
from tasks.monitoring.publishing import announce_drift, publish_drift
from tasks.monitoring.replaying import anchor_chains, replay_decisions
from tasks.requests import consider_retraining


def _run_name() -> str:
    return f"drift check {flow_run.parameters['dataset'] or load_settings().dataset}"


@flow(name="drift-check", flow_run_name=_run_name)
def drift_check(dataset: str | None = None, now: datetime | None = None) -> DriftCheckResult:
    """Judge the decisions since the last check, replay a sample, and tell who is to be told.

    What was judged once for a time is not judged again: a repeated run finds it in the ledger, and
    does what was left to do.

    Args:
        dataset: A data set's name or the path of its spec; the one of the settings unless given.
        now: When the window ends, in UTC unless it says otherwise; unless given, when this run was
            to start. Later checks begin there.
    """
    settings = load_settings()
    package = find_package_of(settings, load_spec(dataset or settings.dataset).name)
    at = clock(now)
    findings = _look(package, at, settings)
    failed = _tell(findings, settings)
    _tried(failed, consider_retraining, package.schema.name, settings, at)
    return drift_check_result(replace(findings, problems=(*findings.problems, *failed)))


def _look(package: Package, now: datetime, settings: Settings) -> Findings:
    check = check_window(package, now, settings)
    for problem in check.problems:
        get_run_logger().warning("%s", problem)
    failed: list[str] = []
    page = _tried(failed, draw_page, check, package.reference, settings)
    replayed = _tried(failed, replay_decisions, package.schema.name, settings)
    anchor = _tried(failed, anchor_chains, settings)
    failed += _measure(package, now, settings)
    return Findings(check, replayed, page, anchor, problems=(*check.problems, *failed))


def _measure(package: Package, now: datetime, settings: Settings) -> list[str]:
    """How the champion does on what has matured by now."""
    failed: list[str] = []
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        _tried(failed, report_performance, quote(ledger), quote(package), settings, now)
    return failed


def _tell(findings: Findings, settings: Settings) -> list[str]:
    failed: list[str] = []
    _tried(failed, publish_drift, findings)
    _tried(failed, announce_drift, findings)
    if findings.is_worth_telling:
        for url in settings.monitoring.notify:
            _tried(failed, notify, message(findings), url)
    return failed


def _tried(failed: list[str], step: Task[Any, Any], *arguments: Any) -> Any:
    """What a step returns. One that fails is seen in Prefect and here, and stops no other."""
    state = step(*arguments, return_state=True)
    if state.is_completed():
        return state.result()
    error = state.result(raise_on_failure=False)
    failed.append(without_credentials(f"the step '{step.name}' failed: {first_line(error)}"))
    get_run_logger().error("%s", failed[-1])
    return None
