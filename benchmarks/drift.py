"""Drift: how rarely clean windows alarm, how surely shifts are found, and how fast it goes."""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.benchmark import Benchmark, Options, Result
from benchmarks.drift_page import draw, show
from benchmarks.drift_pools import LENDINGCLUB, SOURCES, Pool, load_pool
from benchmarks.drift_speed import measure_speed
from benchmarks.drift_vintages import measure_vintages
from benchmarks.drift_windows import SIZES, measure_windows
from benchmarks.machine import circumstances

LENDINGCLUB_FILE = "CREDITLOOP_LENDINGCLUB"
WINDOWS, BESIDE = 500, 25
QUICK_WINDOWS, QUICK_BESIDE = 20, 2
SEED = 5
PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "evidently")


def measure(
    options: Options, names: Sequence[str] = tuple(SOURCES), sizes: Sequence[int] = SIZES
) -> Result:
    """Windows of every pool at every size, then LendingClub's 2009, then speed and memory.

    What needs LendingClub's file is left out where there is none.
    """
    windows, beside = (QUICK_WINDOWS, QUICK_BESIDE) if options.quick else (WINDOWS, BESIDE)
    result: Result = {**circumstances(*PACKAGES), "windows": windows, "windows_beside": beside}
    has_file = Path(os.environ.get(LENDINGCLUB_FILE, "")).is_file()
    for name in names:
        if SOURCES[name].dataset == LENDINGCLUB and not has_file:
            options.console.print(f"{name} is left out: set {LENDINGCLUB_FILE} to its file")
            continue
        pool = load_pool(SOURCES[name])
        result |= _about(name, pool)
        measured = _measure_sizes(pool, sizes, windows, beside, options.jobs)
        for rows, figures in measured.items():
            options.console.print(f"{name}, {rows:,} rows: {figures}", soft_wrap=True)
            result |= {f"{name}_n{rows}_{figure}": value for figure, value in figures.items()}
    if LENDINGCLUB in {SOURCES[name].dataset for name in names} and has_file:
        result |= measure_vintages()
    return result | measure_speed(options)


def _about(name: str, pool: Pool) -> Result:
    return {
        f"{name}_pool_rows": len(pool),
        f"{name}_columns": len(pool.columns),
        f"{name}_leading": ", ".join(pool.leading),
        f"{name}_leading_category": pool.leading_category,
    }


def _measure_sizes(
    pool: Pool, sizes: Sequence[int], windows: int, beside: int, jobs: int
) -> dict[int, dict[str, float]]:
    # Spawned, because XGBoost does not survive a fork; the longest first.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as workers:
        running = {
            rows: workers.submit(_measure_alone, pool, rows, windows, beside)
            for rows in sorted(sizes, reverse=True)
        }
        return {rows: running[rows].result() for rows in sizes}


def _measure_alone(pool: Pool, rows: int, windows: int, beside: int) -> dict[str, float]:
    with threadpool_limits(1):
        figures = measure_windows(pool, rows, windows, beside, SEED)
    return {figure: round(value, 4) for figure, value in figures.items()}


BENCHMARK = Benchmark("drift", "Drift", measure, show, draw)
