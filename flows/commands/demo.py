"""creditloop demo."""

import os
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from configs.datasets import load_spec
from configs.settings import Settings, load_settings
from flows.commands.console import stderr, stdout
from flows.commands.promote import decide_on, report
from flows.commands.train import show, train
from services.keys import create_key
from services.ledger import open_ledger

if TYPE_CHECKING:
    from tasks.promotion import PromotionResult

APPROVER = "demo committee"
REASON = "a demonstration on sample data: nobody is turned down by it"

NEXT_STEPS = """
[bold]Where to look next[/]
  {command} serve        the service until Ctrl-C, with its documentation at /docs
  {command} up           Prefect, MLflow and the scorer: runs, trials, plots, schedules
  {command} score FILE   a whole file, without a server
  {command} spec FILE    a first dataset spec for data of your own
  {command} models       what is in production, and what was
  Packages, ledger, tracking store and logs are in {home}"""


def run(dataset: str | None) -> None:
    """Train, serve, score one applicant, and stop again."""
    settings = load_settings()
    dataset = dataset or settings.dataset
    console = stdout()
    console.rule(f"1. Train five families on {dataset}", align="left")
    result = train(settings, dataset, "quick")
    show(result)
    if result.promotion and result.promotion.state == "waiting":
        console.rule("2. A person decides on what the gates leave to people", align="left")
        _approve(result.promotion, settings)
    console.rule("3. Serve the champion and score an applicant of the test rows", align="left")
    from flows.commands.applicants import test_applicant
    from services.serve import running_service

    settings = settings.model_copy(update={"dataset": load_spec(dataset).name})
    request = {"features": test_applicant(dataset, settings.training.splits)}
    with stderr().status("Starting the service"), running_service(settings) as url:
        answer = httpx.post(f"{url}/api/predict", json=request, timeout=30, trust_env=False)
    answer.raise_for_status()
    console.print("POST /api/predict")
    console.print_json(data=request)
    console.print(f"{answer.status_code} {answer.reason_phrase}")
    console.print_json(data=answer.json())
    console.print(NEXT_STEPS.format(command=_command(), home=settings.home), soft_wrap=True)


def _approve(waiting: "PromotionResult", settings: Settings) -> None:
    """As `creditloop keys create` and `creditloop promote` do; the key is revoked at once."""
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        key = create_key(ledger, APPROVER, ("approve",)).key
        stdout().print(f"The approve key {key.id} of the {APPROVER} lets the champion in:")
        promotion = next(each for each in ledger.promotions() if each.id == waiting.id)
        report(*decide_on(promotion, "approve", key, REASON, ledger, settings), json=False)
        ledger.revoke_key(key.id)


def _command() -> str:
    """How to call creditloop from here: by its name, or by its path where that is not found."""
    called = Path(sys.argv[0])
    if shutil.which("creditloop") or not called.is_file():
        return "creditloop"
    return os.path.relpath(called)
