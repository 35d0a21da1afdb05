"""How long a check of many rows takes and how much memory: ours, SciPy's and Evidently's.

The rows are Taiwan's 23 columns drawn with replacement, amounts spread by up to 5%: 14 numbers for
Kolmogorov-Smirnov and 9 categories for chi-square. Each check runs alone in a fresh process.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import psutil
from pyarrow import Table
from pyarrow.parquet import ParquetWriter

from benchmarks.benchmark import BenchmarkError, Options, Result
from configs.datasets import load_spec, resolve_source
from configs.settings import ROOT
from tasks.sources import read_rows

DATASET = "taiwan-default"
NOT_READ = ("ID", "default_payment_next_month")
CATEGORIES = ("SEX", "EDUCATION", "MARRIAGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")
SPREAD = 0.05
GROUP_ROWS = 500_000
# Row groups of the long window; the last is the whole.
GROUPS = (2, 5, 10, 20)
RUNS = 5
QUICK_GROUP_ROWS, QUICK_GROUPS, QUICK_RUNS = 20_000, (1, 2), 1
# Evidently at the full length wants as much; without it, it is not measured.
EVIDENTLY_GIGABYTES = 14
MOST_SECONDS = 1200

IN_MEMORY = ("ours", "ours_with_reference", "scipy", "evidently_tests", "evidently_defaults")
FROM_FILE = ("ours_in_parts", "scipy_in_parts")


@dataclass(frozen=True)
class Check:
    """What one check took."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


def measure_speed(options: Options) -> Result:
    """Seconds and peak memory of each side, at one row group and at all of them."""
    runs, group_rows, groups = options.runs or RUNS, GROUP_ROWS, GROUPS
    if options.quick:
        runs, group_rows, groups = QUICK_RUNS, QUICK_GROUP_ROWS, QUICK_GROUPS
    folder = options.scratch / "drift"
    folder.mkdir(parents=True, exist_ok=True)
    reference, window = folder / "reference.parquet", folder / "window.parquet"
    _write(reference, 1, group_rows, seed=1)
    _write(window, groups[-1], group_rows, seed=2)
    result: Result = {"speed_rows": group_rows, "speed_runs": runs}
    checks: dict[str, list[Check]] = {side: [] for side in IN_MEMORY}
    for _ in range(runs):
        for side in IN_MEMORY:
            checks[side].append(_check(side, reference, window, 1))
            options.console.print(f"{side}: {checks[side][-1]}")
    for side in IN_MEMORY:
        result |= _summary(side, checks[side])
    for count in groups:
        side = FROM_FILE[0]
        again = [_check(side, reference, window, count) for _ in range(min(runs, 3))]
        options.console.print(f"{side}, {count} groups: {again}")
        result |= _summary(f"{side}_{count * group_rows}_rows", again)
    enough = psutil.virtual_memory().available > EVIDENTLY_GIGABYTES * 1e9
    for side in (FROM_FILE[1], *(["evidently_tests"] if enough else [])):
        whole = _check(side, reference, window, groups[-1])
        options.console.print(f"{side}, {groups[-1]} groups: {whole}")
        result |= _summary(f"{side}_{groups[-1] * group_rows}_rows", [whole])
    shutil.rmtree(folder)
    return result


def _summary(name: str, checks: Sequence[Check]) -> Result:
    return {
        f"{name}_seconds": round(median(each.seconds for each in checks), 3),
        f"{name}_cpu_seconds": round(median(each.cpu_seconds for each in checks), 3),
        f"{name}_megabytes": round(median(each.peak_megabytes for each in checks)),
    }


def _check(side: str, reference: Path, window: Path, groups: int) -> Check:
    command = [sys.executable, "-m", "benchmarks.drift_side", side, reference, window, str(groups)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=MOST_SECONDS
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise BenchmarkError(f"{side} failed: {last[0]}") from None
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{side} took over {MOST_SECONDS} s; measure fewer rows") from None
    return Check(**json.loads(done.stdout.splitlines()[-1]))


def _write(path: Path, groups: int, group_rows: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    spec = load_spec(DATASET)
    rows = read_rows(resolve_source(spec)).drop(columns=list(NOT_READ))
    first = _drawn(rows, group_rows, generator)
    with ParquetWriter(path, Table.from_pandas(first, preserve_index=False).schema) as writer:
        writer.write_table(Table.from_pandas(first, preserve_index=False))
        for _ in range(groups - 1):
            part = _drawn(rows, group_rows, generator)
            writer.write_table(Table.from_pandas(part, preserve_index=False))


def _drawn(rows: pd.DataFrame, count: int, generator: np.random.Generator) -> pd.DataFrame:
    index = generator.integers(0, len(rows), count)
    return pd.DataFrame(
        {
            name: rows[name].to_numpy()[index].astype(str)
            if name in CATEGORIES
            else _spread(rows[name].to_numpy()[index], name, generator)
            for name in rows
        }
    )


def _spread(values: np.ndarray, name: str, generator: np.random.Generator) -> np.ndarray:
    if name in ("AGE", "LIMIT_BAL"):
        return values.astype(np.float64)
    factors = generator.uniform(1 - SPREAD, 1 + SPREAD, len(values))
    return np.round(values * factors).astype(np.float64)
