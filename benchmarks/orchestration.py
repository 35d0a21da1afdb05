"""What flow, tracking and packages cost over a bare script that does the same fits.

What the flow does beyond them for model risk, from the last fit to the last document, is no cost
of orchestration: it is taken out of the flow's seconds and has a budget of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
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

DATASET = "taiwan-default"
RUNS = 3
MOST_RATIO, MOST_SECONDS, MOST_ASSESSMENT_SECONDS = 1.05, 20, 40
PACKAGES = ("prefect", "mlflow", "scikit-learn", "xgboost-cpu", "tensorflow-cpu")
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


def measure(
    options: Options, dataset: str = DATASET, families: Sequence[FamilyName] = tuple(FAMILIES)
) -> Result:
    """Bare script and flow in turn, each as a process of its own, after a first flow in a new home.

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
        pairs = []
        for number in range(1, runs + 1):
            bare = _bare(dataset, preset, families, home)
            flow = _flow(dataset, preset, families, home)
            _check_same(bare, flow)
            options.console.print(
                f"{preset} {number} of {runs}: bare {bare.seconds:.1f} s, flow {flow.seconds:.1f} "
                f"s, of it assessment {flow.assessment:.1f} s"
            )
            pairs.append((bare, flow))
        result |= _summary(preset, pairs)
    shutil.rmtree(home)
    return result


def _summary(preset: PresetName, pairs: Sequence[tuple[Run, Run]]) -> Result:
    """Medians over pairs of bare script and flow."""
    differences = [flow.rest - bare.seconds for bare, flow in pairs]
    return {
        f"{preset}_bare_seconds": round(median(bare.seconds for bare, _ in pairs), 2),
        f"{preset}_flow_seconds": round(median(flow.seconds for _, flow in pairs), 2),
        f"{preset}_assessment_seconds": round(median(flow.assessment for _, flow in pairs), 2),
        f"{preset}_difference_seconds": round(median(differences), 2),
        f"{preset}_ratio": round(median(flow.rest / bare.seconds for bare, flow in pairs), 4),
    }


def _bare(dataset: str, preset: PresetName, families: Sequence[FamilyName], home: Path) -> Run:
    seconds, printed = _timed(
        [sys.executable, "-m", "benchmarks.bare_training", dataset, preset, *families], home
    )
    return Run(seconds, printed)


def _flow(dataset: str, preset: PresetName, families: Sequence[FamilyName], home: Path) -> Run:
    """A training that compares itself with no champion and finds no package made before."""
    for folder in MADE:
        shutil.rmtree(home / folder, ignore_errors=True)
    program = "from flows.cli import main; main()"
    command = [sys.executable, "-c", program, "train", "--dataset", dataset, "--preset", preset]
    chosen = [word for family in families for word in ("--family", family)]
    seconds, printed = _timed([*command, *chosen, "--no-promote", "--json"], home)
    aucs = {line["family"]: line["validation_auc"]["value"] for line in printed["leaderboard"]}
    return Run(seconds, aucs, printed["seconds"]["assessment"])


def _timed(command: Sequence[str], home: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of a process, and the JSON object that it printed last."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CREDITLOOP_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}
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
            *(
                f"{float(result[f'{preset}_{name}_seconds']):.1f}"
                for name in ("bare", "flow", "assessment", "difference")
            ),
            f"{float(result[f'{preset}_ratio']):.3f}",
        ]
        for preset in measured
    ]
    first = float(result["first_flow_in_a_new_home_quick_seconds"])
    said = (
        f"`creditloop train --dataset {result['dataset']} --no-promote` against a script that "
        "reads, checks, splits, fits and measures the same families on as many threads, without "
        "Prefect, MLflow, packages and Bento. Whole processes in turn, medians of "
        f"{result['runs']} runs; both make the same models, which is checked. The script assesses "
        "nothing, so difference and ratio are those of the flow's seconds less its assessment's, "
        "which run from the last fit to the last document. The first flow in a new home, which "
        f"also makes the databases of Prefect and MLflow, took {first:.1f} s in `quick`."
    )
    head = ("preset", "bare s", "flow s", "of it assessment s", "difference s", "ratio")
    return "\n\n".join([said, table(head, rows), _targets(result, measured)])


def _targets(result: Result, measured: Sequence[PresetName]) -> str:
    verdicts = []
    if "full" in measured:
        reached = float(result["full_ratio"]) <= MOST_RATIO
        verdicts.append(f"ratio in `full` at most {MOST_RATIO}: {verdict(reached)}")
    if "quick" in measured:
        reached = float(result["quick_difference_seconds"]) <= MOST_SECONDS
        verdicts.append(f"difference in `quick` at most {MOST_SECONDS} s: {verdict(reached)}")
        reached = float(result["quick_assessment_seconds"]) <= MOST_ASSESSMENT_SECONDS
        verdicts.append(
            f"assessment in `quick` at most {MOST_ASSESSMENT_SECONDS} s: {verdict(reached)}"
        )
    return f"Targets: {'; '.join(verdicts)}."


BENCHMARK = Benchmark("orchestration", "Cost of orchestration", measure, show)
