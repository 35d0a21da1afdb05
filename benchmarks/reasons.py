"""How long the reasons of one raw application take in process, for each family."""

import gc
from collections.abc import Sequence
from functools import partial
from statistics import median
from time import perf_counter_ns

import numpy as np
from rich.progress import track

from benchmarks.benchmark import Benchmark, Options, Result
from benchmarks.development import develop, raw_fields, train
from benchmarks.machine import circumstances
from benchmarks.report import table, verdict
from benchmarks.timing import percentiles_of_calls
from credit.adverse_action import Reason, reasons
from credit.features import Features, from_fields
from credit.models import FAMILIES
from credit.plan import FamilyName
from credit.reasoning import build_reason_model
from credit.reasons import ReasonModel
from credit.training import Development, TrainedFamily

DATASET = "taiwan-default"
CALLS = 300
WARM_UP = 20
RUNS = 5
PERCENTILES = (50, 95, 99)
APPROVED_SHARE = 0.8
BATCH = 1000
MOST_MILLISECONDS = 5.0
MOST_MILLISECONDS_OF_A_FOREST = 15.0
PACKAGES = ("numpy",)


def measure(
    options: Options,
    dataset: str = DATASET,
    families: Sequence[FamilyName] = tuple(FAMILIES),
    calls: int = CALLS,
) -> Result:
    """Train the families, then time single calls with a dict of raw fields, and a batch."""
    facts, development = circumstances(*PACKAGES), develop(dataset)
    preset, runs = options.preset or "quick", options.runs or RUNS
    applications = raw_fields(development, len(development.test))
    result: Result = {**facts, "dataset": dataset, "preset": preset, "runs": runs, "calls": calls}
    for family in track(families, "reasons", console=options.console):
        trained = train(family, preset, development)
        model = _reason_model(trained, development)
        worst = np.argsort(-trained.test, kind="stable")[:calls]
        declined = [applications[row] for row in worst.tolist()]
        gc.collect()
        gc.freeze()
        singles = [_percentiles(model, declined) for _ in range(runs)]
        for percentile, values in zip(PERCENTILES, zip(*singles, strict=True), strict=True):
            result[f"{family}_p{percentile}_milliseconds"] = round(median(values), 2)
        batch = development.test.features[:BATCH]
        seconds = [_seconds(model, batch) for _ in range(runs)]
        result[f"{family}_batch_seconds"] = round(median(seconds), 3)
        result[f"{family}_repeats"] = int(_repeats(model, declined))
    result["batch_rows"] = min(BATCH, len(development.test))
    return result


def _reason_model(trained: TrainedFamily, development: Development) -> ReasonModel:
    """As a package has it, with the lowest margins of the training part for the approved."""
    features = development.train.features
    order = np.argsort(trained.model.margin(features), kind="stable")
    approved = features[order[: int(APPROVED_SHARE * len(order))]]
    content = build_reason_model(
        trained.model, development.feature_map, approved, development.train.applications
    )
    return ReasonModel.from_bytes(content, development.feature_map.schema)


def _explain(model: ReasonModel, fields: dict[str, object]) -> tuple[Reason, ...]:
    return reasons(model, model.features(from_fields(fields, model.schema)))[0]


def _percentiles(model: ReasonModel, applications: list[dict[str, object]]) -> list[float]:
    """Milliseconds of one call for each application."""
    taken = percentiles_of_calls(partial(_explain, model), applications, WARM_UP, PERCENTILES)
    return [nanoseconds / 1e6 for nanoseconds in taken]


def _seconds(model: ReasonModel, features: Features) -> float:
    started = perf_counter_ns()
    reasons(model, features)
    return (perf_counter_ns() - started) / 1e9


def _repeats(model: ReasonModel, applications: list[dict[str, object]]) -> bool:
    """Whether all reasons are the same to the last bit when asked for again."""
    return all(_explain(model, fields) == _explain(model, fields) for fields in applications)


def _most(family: str) -> float:
    return MOST_MILLISECONDS_OF_A_FOREST if family == "random_forest" else MOST_MILLISECONDS


def show(result: Result) -> str:
    families = [family for family in FAMILIES if f"{family}_p50_milliseconds" in result]
    rows = [
        [
            FAMILIES[family].title,
            *(f"{float(result[f'{family}_p{p}_milliseconds']):.2f}" for p in PERCENTILES),
            f"{float(result[f'{family}_batch_seconds']):.2f}",
        ]
        for family in families
    ]
    is_quick = all(
        float(result[f"{family}_p50_milliseconds"]) <= _most(family) for family in families
    )
    is_repeated = all(bool(result[f"{family}_repeats"]) for family in families)
    said = (
        f"The reasons of one dict of raw fields of {result['dataset']}, for the test rows most "
        "likely to default: contributions of all features, and a check of every factor that may "
        f"be named. Models of the preset `{result['preset']}`, one thread, "
        f"{int(result['calls']):,} calls, medians of {result['runs']} runs; the last column is for "
        f"{int(result['batch_rows']):,} rows in one call."
    )
    target = (
        f"Target: median at most {MOST_MILLISECONDS:g} ms, of a forest "
        f"{MOST_MILLISECONDS_OF_A_FOREST:g} ms: {verdict(is_quick)}; the same to the last bit when "
        f"repeated: {verdict(is_repeated)}."
    )
    head = ("family", "p50 ms", "p95 ms", "p99 ms", "s for a batch")
    return "\n\n".join([said, table(head, rows), target])


BENCHMARK = Benchmark("reasons", "Reasons in process", measure, show)
