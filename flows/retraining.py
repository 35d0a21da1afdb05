"""The retraining flow: from a request to a new champion, or to the reason why there is none.

It may be killed at any moment and run again: what was done is found in the ledger and not done
twice (docs/retraining.md names the points and what holds at each).
"""

import os
from contextlib import closing
from datetime import datetime
from typing import Literal
from uuid import UUID

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from configs.datasets import load_spec
from configs.settings import Settings, load_settings
from credit.features import Applications
from credit.promotion import Verdict
from credit.spec import DatasetSpec
from credit.triggers import remedy
from flows.development import LabelledRows, checked_rows, choose_families, develop, publish
from flows.promotion import promote, wait_for_decision
from flows.results import RetrainingResult
from services.faults import first_line
from services.fetching import fetch_package
from services.ledger import Candidate, Deployment, Ledger, open_ledger
from services.ledger.alone import alone
from services.ledger.retraining import CooldownError, RetrainRequest
from services.retraining import shadowed_until
from tasks.announcing import announce
from tasks.assembling import (
    Assembled,
    assemble,
    newest_applications,
    newly_matured,
    trained_at,
)
from tasks.circumstances import clock, run_id
from tasks.promotion import PromotionResult, candidate, follow_champion
from tasks.publishing import open_ledger_early
from tasks.recalibrating import publish_recalibrated, recalibrate
from tasks.requests import (
    asked_by,
    end,
    from_shadow,
    leave_shadow,
    promotion_of,
    put_in_shadow,
    settle,
    take_up,
)
from tasks.tracking import open_store_early

Asked = Literal["manual", "weekly", "drift"]
WHY: dict[Asked, str] = {
    "manual": "asked for in Prefect",
    "weekly": "the weekly schedule",
    "drift": "the drift of the newest window is critical",
}
# Where a request stands, and what it asked for, which may wait for a person.
Carried = tuple[RetrainRequest, PromotionResult | None]


def _run_name() -> str:
    given = flow_run.parameters
    return f"retrain {given['dataset'] or load_settings().dataset}"


@flow(
    name="retraining",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=os.cpu_count() or 1),
)
def retraining(
    dataset: str | None = None,
    request_id: UUID | None = None,
    trigger: Asked = "manual",
    why: str = "",
    now: datetime | None = None,
) -> RetrainingResult | State[None]:
    """Train again on the data set and on newly matured decisions, and ask for production.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec;
            the data set of the settings unless given.
        request_id: The request that this run is for; without one it asks by itself.
        trigger: What has it asked by itself. The cooldown holds for all but `manual`.
        why: The reason that it gives when it asks by itself.
        now: What time it is, for rehearsals; the clock's unless given.
    """
    settings = load_settings()
    spec = load_spec(dataset or settings.dataset)
    now = clock(now)
    open_ledger_early(settings)
    with (
        closing(open_ledger(settings.ledger_uri)) as ledger,
        alone(ledger, f"retraining-{spec.name}") as is_alone,
    ):
        if not is_alone:
            return Completed(name="Passed", message=f"another run retrains {spec.name}")
        words = why.strip() or WHY[trigger]
        try:
            request = take_up(ledger, spec.name, request_id, trigger, words, settings, now)
        except CooldownError as error:
            return Completed(name="Passed", message=str(error))
        if not request.is_open:
            return RetrainingResult.of(request)
        try:
            request, asked = _carry_out(request, spec, ledger, settings, now)
        except Exception as error:
            words = f"{type(error).__name__}: {first_line(error)}"
            announce(quote(end(ledger, request, "failed", words, now)), settings)
            raise
        announce(quote(request), settings)
        if asked:
            wait_for_decision(asked)
        return RetrainingResult.of(request)


def _carry_out(
    request: RetrainRequest, spec: DatasetSpec, ledger: Ledger, settings: Settings, now: datetime
) -> Carried:
    """Go on from wherever the request stands."""
    promotion = promotion_of(ledger, request)
    if promotion:
        return _conclude(request, PromotionResult.of(promotion), ledger, settings, now)
    shadowed = next((each for each in request.events if each.kind == "shadowing"), None)
    if shadowed:
        until = shadowed_until(request, settings)
        if until and now < until:
            return request, None
        wanted, verdict = from_shadow(request, dict(shadowed.detail))
        leave_shadow(ledger, wanted, request.requester, "it asks for production")
        return _conclude(request, promote(wanted, verdict, settings), ledger, settings, now)
    current = ledger.current(spec.name)
    since = trained_at(ledger, settings, current) if current else None
    found = newly_matured(ledger, spec, settings, since, now)
    chosen, reason = remedy(found.outcomes, found.bads, settings.retraining)
    if chosen == "escalate":
        return end(ledger, request, "escalated", reason, now), None
    open_store_early(settings)
    old = checked_rows(spec, None, settings)
    assembled = assemble(quote(old), spec, quote(ledger), settings, since, now)
    if chosen == "recalibrate" and current:
        wanted, verdict = _recalibrate(request, current, spec, assembled, settings)
    else:
        applications = newest_applications(ledger, spec, settings, now)
        wanted, verdict = _retrain(request, spec, assembled, applications, settings)
    if settings.retraining.shadow_hours and wanted.champion and verdict.overall != "refuse":
        return put_in_shadow(ledger, request, wanted, verdict, now), None
    return _conclude(request, promote(wanted, verdict, settings), ledger, settings, now)


def _retrain(
    request: RetrainRequest,
    spec: DatasetSpec,
    assembled: Assembled,
    applications: Applications | None,
    settings: Settings,
) -> tuple[Candidate, Verdict]:
    """A new champion, trained, examined and published, as it asks for production."""
    preset = settings.retraining.preset
    families = choose_families(settings.retraining.families, preset, settings.training)
    rows = LabelledRows(
        assembled.checked, assembled.labels, assembled.newest, applications, assembled.notes
    )
    developed = develop(rows, spec, preset, families, settings)
    publish(developed, settings)
    wanted = candidate(developed.record, developed.judged.compared_with, settings)
    return asked_by(wanted, request), developed.judged.verdict


def _recalibrate(
    request: RetrainRequest,
    current: Deployment,
    spec: DatasetSpec,
    assembled: Assembled,
    settings: Settings,
) -> tuple[Candidate, Verdict]:
    """The champion with another intercept, published, as it asks for production."""
    champion = fetch_package(settings.home, current.uri, current.digest)
    made = recalibrate(quote(champion), quote(assembled), spec, settings)
    uri = publish_recalibrated(quote(made), champion.digest, settings)
    wanted = Candidate(
        dataset=spec.name,
        digest=made.package.digest,
        uri=uri,
        family=current.family,
        run_id=run_id(),
        requester=request.requester,
        reason="",
        champion=current.digest,
    )
    return asked_by(wanted, request), made.verdict


def _conclude(
    request: RetrainRequest,
    result: PromotionResult,
    ledger: Ledger,
    settings: Settings,
    now: datetime,
) -> Carried:
    """Let MLflow follow, and end the request, or leave it waiting for a person."""
    if result.deployed:
        follow_champion(request.dataset, settings)
    return settle(ledger, request, result, now), result
