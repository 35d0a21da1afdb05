"""How long one raw application takes to score in process, for each family."""

import gc
from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns

from rich.progress import track

from benchmarks.benchmark import Benchmark, Options, Result
from benchmarks.development import develop, raw_fields, train
from benchmarks.machine import circumstances
from benchmarks.report import table, verdict
from benchmarks.timing import percentiles_of_calls
from credit.features import Applications
from credit.models import FAMILIES
from credit.plan import FamilyName
from credit.scoring import Scorer

DATASET = "taiwan-default"
CALLS = 2000
WARM_UP = 200
RUNS = 5
PERCENTILES = (50, 95, 99)
MOST_MICROSECONDS = 300
PACKAGES = ("numpy", "onnxruntime")


def measure(
    options: Options,
    dataset: str = DATASET,
    families: Sequence[FamilyName] = tuple(FAMILIES),
    calls: int = CALLS,
) -> Result:
    """Train the families, then time single calls with a dict of raw fields, and batches."""
    facts, development = circumstances(*PACKAGES), develop(dataset)
    preset, runs = options.preset or "quick", options.runs or RUNS
    applications = raw_fields(development, calls)
    result: Result = {**facts, "dataset": dataset, "preset": preset, "runs": runs, "calls": calls}
    for family in track(families, "latency", console=options.console):
        trained = train(family, preset, development)
        scorer = Scorer(development.feature_map.schema, trained.graph)
        # What training leaves behind would be walked by the collector; a scorer does not have it.
        gc.collect()
        gc.freeze()
        singles = [_percentiles(scorer, applications, calls) for _ in range(runs)]
        for percentile, values in zip(PERCENTILES, zip(*singles, strict=True), strict=True):
            result[f"{family}_p{percentile}_microseconds"] = round(median(values), 1)
        batches = [_rows_per_second(scorer, development.test.applications) for _ in range(runs)]
        result[f"{family}_batch_rows_per_second"] = round(median(batches))
    result["batch_rows"] = len(development.test)
    return result


def _percentiles(scorer: Scorer, applications: list[dict[str, object]], calls: int) -> list[float]:
    """Microseconds of `calls` single calls, the applications taken in turn."""
    in_turn = [applications[position % len(applications)] for position in range(calls)]
    taken = percentiles_of_calls(scorer.probability, in_turn, WARM_UP, PERCENTILES)
    return [nanoseconds / 1000 for nanoseconds in taken]


def _rows_per_second(scorer: Scorer, applications: Applications) -> float:
    started = perf_counter_ns()
    scorer.probabilities(applications)
    return len(applications) / (perf_counter_ns() - started) * 1e9


def show(result: Result) -> str:
    families = [family for family in FAMILIES if f"{family}_p50_microseconds" in result]
    rows = [
        [
            FAMILIES[family].title,
            *(f"{float(result[f'{family}_p{p}_microseconds']):.0f}" for p in PERCENTILES),
            f"{int(result[f'{family}_batch_rows_per_second']):,}",
        ]
        for family in families
    ]
    slowest = max(float(result[f"{family}_p50_microseconds"]) for family in families)
    said = (
        f"`Scorer.probability` on one dict of raw fields of {result['dataset']}: checks apart, all "
        "that a score takes, derived columns and calibration included. Models of the preset "
        f"`{result['preset']}`, one thread, {int(result['calls']):,} calls, medians of "
        f"{result['runs']} runs; the last column scores {int(result['batch_rows']):,} rows in one "
        "call."
    )
    target = (
        f"Target: median of each family at most {MOST_MICROSECONDS} µs: "
        f"{verdict(slowest <= MOST_MICROSECONDS)}."
    )
    head = ("family", "p50 µs", "p95 µs", "p99 µs", "rows/s in a batch")
    return "\n\n".join([said, table(head, rows), target])


BENCHMARK = Benchmark("latency", "Scoring latency in process", measure, show)
