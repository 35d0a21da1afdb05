"""creditloop retrain."""

import time
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID, uuid4

import typer

from configs.settings import Settings, load_settings
from flows.commands.console import NO, print_json, stderr, stdout
from flows.commands.datasets import dataset_name
from services.ledger import Ledger, open_ledger
from services.ledger.retraining import NewRequest, RetrainRequest, ask, find_request
from services.people import user
from services.retraining import plain_request, start_now
from services.runs import Prefect

LOOK_SECONDS = 2.0
WHY = "asked for on the command line"
DONE = ("promoted", "unchanged")


def run(dataset: str | None, why: str | None, wait: bool, json: bool) -> None:
    """Ask for a retraining, and wait for its end where that is wanted."""
    settings = load_settings()
    name = dataset_name(dataset, settings)
    reason = (why or "").strip() or WHY
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        wanted = NewRequest(name, "manual", reason, user(), f"command {uuid4()}")
        hours = settings.retraining.cooldown_hours
        request, is_new = ask(ledger, wanted, datetime.now(UTC), hours)
        if not is_new:
            stderr().print("A retraining is asked for already; this is that one", style="yellow")
        if wait and Prefect.known() is None:
            _run_here(request, dataset or settings.dataset, settings)
        elif request.state == "requested":
            stderr().print(start_now(request).capitalize(), soft_wrap=True, markup=False)
        request = _when_done(ledger, request.id) if wait else request
    _show(request, json)
    if wait and (request.last is None or request.last.outcome not in DONE):
        raise typer.Exit(NO)


def _run_here(request: RetrainRequest, dataset: str, settings: Settings) -> None:
    """Run the flow in this process, as `creditloop train` does."""
    from flows.local.inprocess import check_source, flows_ready

    check_source(dataset, None)
    with flows_ready(settings):
        from flows.retraining import retraining

        retraining(dataset, request_id=request.id)


def _when_done(ledger: Ledger, request_id: UUID) -> RetrainRequest:
    """The request once nothing more happens to it without a person or much time."""
    with stderr().status("Waiting for the retraining"):
        while True:
            found = find_request(ledger, request_id)
            if found and found.state in ("closed", "waiting", "shadowing"):
                return found
            time.sleep(LOOK_SECONDS)


def _show(request: RetrainRequest, json: bool) -> None:
    if json:
        print_json({"request": plain_request(request)})
        return
    last = request.last
    state = last.outcome if last and last.outcome else request.state
    stdout().print(
        f"Retrain request {request.id} of {request.dataset}: {state}"
        + (f"; {last.note}" if last and last.note else ""),
        soft_wrap=True,
        markup=False,
    )
