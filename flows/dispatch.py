"""The dispatch flow: every few minutes it has a run take up what was asked for and is not done.

Nothing hangs on who started a run, or on whether it lived: the ledger says what is open, and a
lock that ends with its process says whether anybody is at it.
"""

from contextlib import closing
from datetime import UTC, datetime

from prefect import flow, get_run_logger
from prefect.settings import PREFECT_API_URL
from prefect.utilities.annotations import quote

from configs.datasets import load_spec
from configs.settings import Settings, load_settings
from flows.results import DispatchResult
from services.ledger import Ledger, open_ledger
from services.ledger.alone import alone
from services.ledger.retraining import RetrainRequest, next_open
from services.retraining import MOST_RUNS, create_run, is_abandoned, shadowed_until
from services.runs import Prefect
from tasks.announcing import announce
from tasks.circumstances import clock
from tasks.guarding import guard
from tasks.promotion import PromotionResult, follow_champion
from tasks.requests import end, promotion_of, settle


@flow(name="dispatch")
def dispatch(dataset: str | None = None, now: datetime | None = None) -> DispatchResult:
    """Start the retraining that was asked for, or start it again where its run has died.

    Args:
        dataset: german-credit, lendingclub-2007-2011, taiwan-default, or the path of a spec;
            the data set of the settings unless given.
        now: What time it is, for rehearsals; the clock's unless given.
    """
    settings = load_settings()
    name = load_spec(dataset or settings.dataset).name
    at = clock(now)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        guard(name, quote(ledger), settings, datetime.now(UTC))
        with alone(ledger, f"retraining-{name}") as is_alone:
            # Read after the lock was seen free: what a run has ended since then is not open here.
            request = next_open(ledger, name) if is_alone else None
        if request is None:
            said = "a run is at it" if not is_alone else "nothing is asked for"
            return DispatchResult(dataset=name, request=None, said=said)
        said = _go_on(request, ledger, settings, now, at)
    get_run_logger().info("retrain request %s: %s", request.id, said)
    return DispatchResult(dataset=name, request=request.id, said=said)


def _go_on(
    request: RetrainRequest,
    ledger: Ledger,
    settings: Settings,
    now: datetime | None,
    at: datetime,
) -> str:
    promotion = promotion_of(ledger, request)
    if promotion:  # decided on since, or its run was killed before it could say so
        result = PromotionResult.of(promotion)
        if result.deployed:
            follow_champion(request.dataset, settings)
        return _told(settle(ledger, request, result, at), settings)
    until = shadowed_until(request, settings)
    if until and at < until:
        return f"its model scores beside the champion until {until:%Y-%m-%d %H:%M} UTC"
    if request.state == "started" and len(request.run_ids) >= MOST_RUNS:
        words = f"{MOST_RUNS} runs took it up and none ended it; their logs are in Prefect"
        return _told(end(ledger, request, "failed", words, at), settings)
    return _start(request, ledger, now, at)


def _told(request: RetrainRequest, settings: Settings) -> str:
    """Tell people where the request stands, once it is closed."""
    if not request.is_open:
        announce(quote(request), settings)
    return request.state


def _start(request: RetrainRequest, ledger: Ledger, now: datetime | None, at: datetime) -> str:
    prefect = Prefect.known() or Prefect(str(PREFECT_API_URL.value()))
    run = create_run(prefect, request, now)
    if is_abandoned(run, request, datetime.now(UTC)):
        prefect.crash(run, "its process is gone")
        run = create_run(prefect, request, now)
    if run.state == "CANCELLED":
        words = f"run {run.id} was cancelled in Prefect"
        return end(ledger, request, "cancelled", words, at).state
    return f"run {run.id} is {run.state}"
