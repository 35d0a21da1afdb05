"""What flow, tracking and packages cost over a bare script that does the same fits.

The flow runs against a Prefect server that is up, as every scheduled run does, and once more alone,
when it boots a server of its own first. What it does beyond the script for model risk, from the
last fit to the last document, is no cost of orchestration: it is taken out of the flow's seconds
and has a budget of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.benchmark import Benchmark, BenchmarkError, Options, Result
from benchmarks.machine import circumstances
from benchmarks.report import table, verdict
from configs.settings import ROOT
from credit.models import FAMILIES
from credit.plan import FamilyName, PresetName
from flows.local.environment import QUIET
from flows.local.processes import Server
from services.serve import LOOPBACK, free_port

DATASET = "taiwan-default"
RUNS = 3
MOST_RATIO, MOST_SECONDS, MOST_ASSESSMENT_SECONDS = 1.05, 20, 40
SERVER_SECONDS = 120
PACKAGES = ("prefect", "mlflow", "scikit-learn", "xgboost-cpu", "tensorflow-cpu")
SHOWN_SECONDS = ("bare", "flow", "assessment", "difference")
PRESETS: tuple[PresetName, ...] = ("quick", "full")
# What a second flow would find done by the first: the same training gives the same package.
MADE = ("packages", "bentoml")


@dataclass(frozen=True)
class Run:
    """One whole process: seconds from start to exit, and the validation AUC of each family.

    assessment: how many of the seconds went into assessment, examination and documents.
    """

    seconds: float
    aucs: dict[str, float]
    assessment: float = 0.0

    @property
    def rest(self) -> float:
        """Seconds without assessment."""
        return self.seconds - self.assessment


@dataclass(frozen=True)
class Round:
    """The script, the flow against a server that is up, and the flow that boots its own."""

    bare: Run
    flow: Run
    alone: Run

    def __str__(self) -> str:
        parts = (f"{one.rest:.1f} + {one.assessment:.1f} s" for one in (self.flow, self.alone))
        flow, alone = parts
        return f"bare {self.bare.seconds:.1f} s, flow + assessment {flow}, alone {alone}"


def measure(
    options: Options, dataset: str = DATASET, families: Sequence[FamilyName] = tuple(FAMILIES)
) -> Result:
    """Script, flow and flow alone in turn, after a first flow in a new home.

    Raises:
        BenchmarkError: a run failed, or the two did not make the same models.
    """
    runs, home = options.runs or RUNS, options.scratch / "orchestration"
    shutil.rmtree(home, ignore_errors=True)
    result: Result = {
        **circumstances(*PACKAGES),
        "dataset": dataset,
        "families": ", ".join(families),
        "runs": runs,
    }
    presets = (options.preset,) if options.preset else PRESETS
    first = _flow(dataset, "quick", families, home)
    result["first_flow_in_a_new_home_quick_seconds"] = round(first.seconds, 2)
    for preset in presets:
        rounds = []
        for number in range(1, runs + 1):
            rounds.append(_round(dataset, preset, families, home))
            options.console.print(f"{preset} {number} of {runs}: {rounds[-1]}")
        result |= _summary(preset, rounds)
    shutil.rmtree(home)
    return result


def _round(dataset: str, preset: PresetName, families: Sequence[FamilyName], home: Path) -> Round:
    bare = _bare(dataset, preset, families, home)
    with _prefect_server(home) as server:
        flow = _flow(dataset, preset, families, home, server)
    alone = _flow(dataset, preset, families, home)
    for each in (flow, alone):
        _check_same(bare, each)
    return Round(bare, flow, alone)


def _summary(preset: PresetName, rounds: Sequence[Round]) -> Result:
    """Medians over rounds."""
    figures = {
        "bare_seconds": [one.bare.seconds for one in rounds],
        "flow_seconds": [one.flow.seconds for one in rounds],
        "alone_seconds": [one.alone.seconds for one in rounds],
        "assessment_seconds": [one.flow.assessment for one in rounds],
        "difference_seconds": [one.flow.rest - one.bare.seconds for one in rounds],
        "alone_difference_seconds": [one.alone.rest - one.bare.seconds for one in rounds],
        "ratio": [one.flow.rest / one.bare.seconds for one in rounds],
        "alone_ratio": [one.alone.rest / one.bare.seconds for one in rounds],
    }
    return {f"{preset}_{name}": round(median(values), 4) for name, values in figures.items()}


@contextmanager
def _prefect_server(home: Path) -> Iterator[Mapping[str, str]]:
    """A Prefect server that is up: gives the environment of a flow that uses it."""
    port = free_port()
    api = f"http://{LOOPBACK}:{port}/api"
    server = Server.start(
        "Prefect",
        ["prefect", "server", "start", "--no-ui", "--host", LOOPBACK, "--port", str(port)],
        home / "prefect.log",
        f"{api}/health",
        {**QUIET, "PREFECT_HOME": str(home / "prefect")},
    )
    try:
        server.wait_until_up(SERVER_SECONDS)
        yield {"PREFECT_API_URL": api}
    finally:
        server.stop()


def _bare(dataset: str, preset: PresetName, families: Sequence[FamilyName], home: Path) -> Run:
    seconds, printed = _timed(
        [sys.executable, "-m", "benchmarks.bare_training", dataset, preset, *families], home
    )
    return Run(seconds, printed)


def _flow(
    dataset: str,
    preset: PresetName,
    families: Sequence[FamilyName],
    home: Path,
    server: Mapping[str, str] | None = None,
) -> Run:
    """A training that compares itself with no champion and finds no package made before."""
    for folder in MADE:
        shutil.rmtree(home / folder, ignore_errors=True)
    program = "from flows.cli import main; main()"
    command = [sys.executable, "-c", program, "train", "--dataset", dataset, "--preset", preset]
    chosen = [word for family in families for word in ("--family", family)]
    seconds, printed = _timed([*command, *chosen, "--no-promote", "--json"], home, server)
    aucs = {line["family"]: line["validation_auc"]["value"] for line in printed["leaderboard"]}
    return Run(seconds, aucs, printed["seconds"]["assessment"])


def _timed(
    command: Sequence[str], home: Path, more: Mapping[str, str] | None = None
) -> tuple[float, dict[str, Any]]:
    """Seconds of a process, and the JSON object that it printed last."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CREDITLOOP_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= more or {}
    log = home / "stderr.log"
    with log.open("wb") as errors:
        started = perf_counter()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, check=False
        )
        seconds = perf_counter() - started
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} exited with {done.returncode}; see {log}")
    return seconds, json.loads(done.stdout)


def _check_same(bare: Run, flow: Run) -> None:
    if bare.aucs != flow.aucs:
        raise BenchmarkError(
            f"script and flow made different models, so their times do not compare: "
            f"validation AUC {bare.aucs} and {flow.aucs}"
        )


def show(result: Result) -> str:
    measured = [preset for preset in PRESETS if f"{preset}_ratio" in result]
    rows = [
        [
            f"`{preset}`",
            *(f"{float(result[f'{preset}_{name}_seconds']):.1f}" for name in SHOWN_SECONDS),
            f"{float(result[f'{preset}_ratio']):.3f}",
            f"{float(result[f'{preset}_alone_difference_seconds']):.1f}",
            f"{float(result[f'{preset}_alone_ratio']):.3f}",
        ]
        for preset in measured
    ]
    first = float(result["first_flow_in_a_new_home_quick_seconds"])
    said = (
        f"`creditloop train --dataset {result['dataset']} --no-promote` against a script that "
        "reads, checks, splits, fits and measures the same families on as many threads, without "
        "Prefect, MLflow, packages and Bento. Whole processes in turn, medians of "
        f"{result['runs']} runs; all make the same models, which is checked. The script assesses "
        "nothing, so difference and ratio are those of the flow's seconds less its assessment's, "
        "which run from the last fit to the last document. The flow uses a Prefect server that is "
        "up, as every scheduled run does; alone, it boots one of its own first. The first flow in "
        f"a new home, which also makes the databases of Prefect and MLflow, took {first:.1f} s in "
        "`quick`."
    )
    head = ("preset", "bare s", "flow s", "of it assessment s", "difference s", "ratio")
    alone = ("alone: difference s", "alone: ratio")
    return "\n\n".join([said, table((*head, *alone), rows), _targets(result, measured)])


def _targets(result: Result, measured: Sequence[PresetName]) -> str:
    verdicts = []
    if "full" in measured:
        reached = float(result["full_ratio"]) <= MOST_RATIO
        verdicts.append(f"ratio in `full` at most {MOST_RATIO}: {verdict(reached)}")
    if "quick" in measured:
        reached = float(result["quick_alone_difference_seconds"]) <= MOST_SECONDS
        verdicts.append(
            f"difference in `quick`, alone, at most {MOST_SECONDS} s: {verdict(reached)}"
        )
        reached = float(result["quick_assessment_seconds"]) <= MOST_ASSESSMENT_SECONDS
        verdicts.append(
            f"assessment in `quick` at most {MOST_ASSESSMENT_SECONDS} s: {verdict(reached)}"
        )
    return f"Targets: {'; '.join(verdicts)}."


BENCHMARK = Benchmark("orchestration", "Cost of orchestration", measure, show)
