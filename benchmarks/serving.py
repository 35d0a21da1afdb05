"""How fast the service decides, against what else one could serve the same model with."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import joblib
import numpy as np

from benchmarks import open_loop, sides
from benchmarks.benchmark import Benchmark, BenchmarkError, Options, Result
from benchmarks.development import NOT_APPROVED, develop, package_of, raw_fields, train
from benchmarks.estimator import Estimator
from benchmarks.machine import circumstances
from benchmarks.report import table, verdict
from benchmarks.sides import BATCH_ROWS, Running, Side, running
from configs.settings import load_settings
from credit.package import Package
from credit.plan import FamilyName
from credit.training import Development, TrainedFamily
from services.keys import create_key
from services.ledger import open_ledger
from services.packages import write_package

DATASET = "taiwan-default"
FAMILY: FamilyName = "xgboost"
SLOWEST: FamilyName = "random_forest"
BODIES = 4000
CONNECTIONS = 8
SECONDS = 8.0
WARM_UP_SECONDS = 3.0
ROUNDS = 5
RATE = 300
SOAK_SECONDS = 600.0
SOAK_LOOKS = 10
PACKAGES = ("bentoml", "fastapi", "uvicorn", "mlflow", "onnxruntime", "pydantic", "xgboost-cpu")

LEAN, FULL, FOREST = "service", "service_with_reasons", "forest_with_reasons"
NOOP, MOUNTED = "noop", "mounted_noop"
FASTAPI, MLFLOW = "fastapi_joblib", "mlflow_serve"
TITLES = {
    LEAN: "the service, without reasons",
    FULL: "the service, reasons for non-approvals",
    FOREST: "the service with a random forest, reasons for non-approvals",
    NOOP: "no-op `@bentoml.api`",
    MOUNTED: "no-op in a mounted app",
    FASTAPI: "FastAPI + joblib + pandas",
    MLFLOW: "`mlflow models serve`",
}


@dataclass(frozen=True)
class Target:
    """What a figure has to reach, as issue 4 says."""

    text: str
    figure: str
    bound: float
    at_least: bool = True

    def reached(self, result: Result) -> bool:
        value = float(result[self.figure])
        return value >= self.bound if self.at_least else value <= self.bound


TARGETS = (
    Target("requests/s against the no-op, without reasons", "ratio_to_noop", 0.85),
    Target("requests/s against the no-op, with reasons", "ratio_to_noop_with_reasons", 0.5),
    Target("requests/s against FastAPI + joblib + pandas", "ratio_to_fastapi_joblib", 8),
    Target("requests/s against mlflow models serve", "ratio_to_mlflow_serve", 13),
    Target(
        f"open loop at {RATE}/s with reasons: p99 ms", f"{FULL}_open_p99_milliseconds", 8, False
    ),
    Target("open loop: failed requests", f"{FULL}_open_failed", 0, False),
    Target("saturation without reasons: p99 ms", f"{LEAN}_p99_milliseconds", 25, False),
    Target("saturation with reasons: p99 ms", f"{FULL}_p99_milliseconds", 25, False),
    Target("batch rows/s without reasons", f"{LEAN}_batch_rows_per_second", 20_000),
    Target("batch rows/s with reasons", f"{FULL}_batch_rows_per_second", 3_000),
    Target("seconds to ready beyond the no-op", "ready_beyond_noop_seconds", 3, False),
    Target("worker memory MB", f"{FULL}_rss_megabytes", 400, False),
    Target("forest with reasons: requests/s", f"{FOREST}_requests_per_second", 100),
    Target("forest with reasons: p95 ms", f"{FOREST}_p95_milliseconds", 200, False),
)
SOAK_TARGET = Target("memory growth over the soak, per cent", "soak_growth_percent", 2, False)


@dataclass(frozen=True)
class Load:
    """What one closed loop saw; cpu: of the side's processes, for one request."""

    requests_per_second: float
    p50_milliseconds: float
    p95_milliseconds: float
    p99_milliseconds: float
    cpu_microseconds: float


def measure(
    options: Options,
    dataset: str = DATASET,
    family: FamilyName = FAMILY,
    slowest: FamilyName = SLOWEST,
) -> Result:
    """Start all sides, and load them in turn.

    Raises:
        BenchmarkError: wrk is not installed, a side did not start, or a request failed.
    """
    if not shutil.which("wrk"):
        raise BenchmarkError("wrk is not installed; say `apt-get install wrk` (or brew, dnf)")
    rounds, seconds = (
        (options.runs or 1, 2.0) if options.quick else (options.runs or ROUNDS, SECONDS)
    )
    facts, folder = circumstances(*PACKAGES), options.scratch / "serving"
    shutil.rmtree(folder, ignore_errors=True)
    everyone = _sides(folder, dataset, family, slowest, options.preset or "quick")
    result: Result = {
        **facts,
        "dataset": dataset,
        "family": family,
        "rounds": rounds,
        "seconds": seconds,
        "connections": CONNECTIONS,
    }
    with ExitStack() as stack:
        up = []
        for side in everyone:
            options.console.print(f"start {side.title}")
            up.append(stack.enter_context(running(side, folder)))
        _check_same_answers(up)
        for each in up:
            result[f"{each.side.name}_ready_seconds"] = round(each.ready_seconds, 2)
            _closed(each, folder, min(seconds, WARM_UP_SECONDS))
        result |= _closed_rounds(up, folder, rounds, seconds, options)
        result |= _open_rounds([each for each in up if each.side.name != FOREST], rounds, seconds)
        result |= _batches(up, rounds)
        for each in up:
            result |= {f"{each.side.name}_{name}": mb for name, mb in each.memory().items()}
        result |= _ratios(result)
        if options.soak:
            (soaked,) = (each for each in up if each.side.name == FULL)
            result |= _soak(soaked, 30.0 if options.quick else SOAK_SECONDS, options)
    shutil.rmtree(folder)
    return result


def _sides(
    folder: Path, dataset: str, family: FamilyName, slowest: FamilyName, preset: str
) -> list[Side]:
    development = develop(dataset)
    rows = raw_fields(development, BODIES)
    trained = train(family, preset, development)
    package = package_of(trained, development)
    pickled, logged = _saved(folder, trained, development)
    forest = package_of(train(slowest, preset, development), development)
    services = [
        _service(LEAN, folder, dataset, package, rows, reasons=False),
        _service(FULL, folder, dataset, package, rows, reasons=True),
        _service(FOREST, folder, dataset, forest, rows, reasons=True),
    ]
    return [
        *services,
        sides.noop(NOOP, TITLES[NOOP], "Noop", rows),
        sides.noop(MOUNTED, TITLES[MOUNTED], "MountedNoop", rows),
        sides.fastapi(FASTAPI, TITLES[FASTAPI], pickled, rows),
        sides.mlflow(MLFLOW, TITLES[MLFLOW], logged, rows),
    ]


def _service(
    name: str, folder: Path, dataset: str, package: Package, rows: Sequence[object], reasons: bool
) -> Side:
    """A home of its own with a champion and a key."""
    serving = {"workers": 1, "reasons": reasons, "requests_per_second": 1e6}
    settings = load_settings(
        home=folder / f"{name}-home", dataset=dataset, ledger_url="", serving=serving
    )
    path = write_package(settings.packages, package)
    ledger = open_ledger(settings.ledger_uri)
    try:
        uri = path.relative_to(settings.home).as_posix()
        family = package.manifest.family
        ledger.deploy(dataset, package.digest, uri, family, "benchmark", "serving")
        token = create_key(ledger, "benchmark", ("score",)).token
    finally:
        ledger.close()
    return sides.service(name, TITLES[name], settings, token, rows)


def _saved(folder: Path, trained: TrainedFamily, development: Development) -> tuple[Path, Path]:
    """The same fitted model for joblib and for MLflow."""
    import mlflow.sklearn

    estimator = Estimator(development.feature_map, trained.model, trained.calibrator)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(estimator, folder / "model.joblib")
    mlflow.sklearn.save_model(
        estimator,
        folder / "mlflow-model",
        pyfunc_predict_fn="predict_proba",
        pip_requirements=["mlflow"],
        serialization_format="cloudpickle",
    )
    return folder / "model.joblib", folder / "mlflow-model"


def _check_same_answers(up: Sequence[Running]) -> None:
    """Refuse to compare models that do not say the same of the first row."""
    found = {}
    for each in up:
        if each.side.name in (LEAN, FULL, FASTAPI, MLFLOW):
            answer = _post(each, each.side.path, each.side.single[0]).json()
            found[each.side.name] = (
                answer.get("probability_of_default") or answer["predictions"][0][1]
            )
    if max(found.values()) - min(found.values()) > 1e-5:
        raise BenchmarkError(f"the sides serve different models: {found}")


def _post(running_side: Running, path: str, body: bytes) -> httpx.Response:
    answer = httpx.post(
        running_side.url + path,
        content=body,
        headers={"Content-Type": "application/json", **running_side.side.headers},
        timeout=60,
        trust_env=False,
    )
    if not answer.is_success:
        raise BenchmarkError(f"{running_side.side.title}: {answer.status_code} {answer.text[:200]}")
    return answer


def _closed_rounds(
    up: Sequence[Running], folder: Path, rounds: int, seconds: float, options: Options
) -> Result:
    """Each side in turn, so that a slow minute of the machine meets all of them."""
    seen: dict[str, list[Load]] = {each.side.name: [] for each in up}
    for number in range(1, rounds + 1):
        for each in up:
            seen[each.side.name].append(_closed(each, folder, seconds))
            options.console.print(
                f"{number} of {rounds}: {each.side.title}: "
                f"{seen[each.side.name][-1].requests_per_second:,.0f}/s"
            )
    return _medians(seen) | {
        title: round(
            median(
                one.requests_per_second / other.requests_per_second
                for one, other in zip(seen[numerator], seen[denominator], strict=True)
            ),
            2,
        )
        for title, numerator, denominator in (
            ("ratio_to_noop", LEAN, NOOP),
            ("ratio_to_noop_with_reasons", FULL, NOOP),
            ("ratio_to_mounted_noop", LEAN, MOUNTED),
            ("ratio_to_fastapi_joblib", LEAN, FASTAPI),
            ("ratio_to_mlflow_serve", LEAN, MLFLOW),
        )
    }


def _medians(seen: Mapping[str, Sequence[Load]]) -> Result:
    return {
        f"{name}_{figure}": round(median(getattr(load, figure) for load in loads), 2)
        for name, loads in seen.items()
        for figure in Load.__dataclass_fields__
    }


def _closed(each: Running, folder: Path, seconds: float) -> Load:
    """A closed loop: each connection sends its next request when it has the answer."""
    bodies = folder / each.side.name / "bodies"
    if not bodies.exists():
        bodies.write_bytes(b"\n".join(each.side.single) + b"\n")
    script = str(Path(__file__).with_name("post.lua"))
    load = ["--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "30s"]
    headers = [part for header in each.side.headers.items() for part in header]
    command = ["wrk", *load, "--duration", f"{seconds:g}s", "--script", script, each.url, "--"]
    used = each.cpu_seconds()
    done = subprocess.run(
        [*command, str(bodies), each.side.path, *headers],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["failed"]:
        raise BenchmarkError(
            f"{each.side.title}: {seen['failed']} of {seen['requests']} requests failed"
        )
    return Load(
        seen["requests"] / seen["microseconds"] * 1e6,
        *(seen[percentile] / 1000 for percentile in ("p50", "p95", "p99")),
        (each.cpu_seconds() - used) / seen["requests"] * 1e6,
    )


def _requests(each: Running) -> list[bytes]:
    """Whole HTTP requests."""
    headers = {"Host": "benchmark", "Content-Type": "application/json", **each.side.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return [
        f"POST {each.side.path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for body in each.side.single
    ]


def _open(each: Running, seconds: float) -> open_loop.Seen:
    return open_loop.load(sides.LOOPBACK, each.port, _requests(each), RATE, seconds)


def _open_rounds(up: Sequence[Running], rounds: int, seconds: float) -> Result:
    """The sides that can keep up; medians of each round's percentiles."""
    result: Result = {}
    for each in up:
        if each.side.name in (FASTAPI, MLFLOW):
            continue
        seen = [_open(each, seconds) for _ in range(rounds)]
        for percentile in (50, 95, 99):
            values = [float(np.percentile(one.latencies, percentile)) * 1000 for one in seen]
            result[f"{each.side.name}_open_p{percentile}_milliseconds"] = round(median(values), 2)
        result[f"{each.side.name}_open_failed"] = sum(one.failed for one in seen)
    return result


def _batches(up: Sequence[Running], rounds: int) -> Result:
    """Rows a second of one client that sends batch after batch."""
    result: Result = {}
    for each in up:
        full = [body for body in each.side.batch if body is not each.side.batch[-1]]
        if not full:
            continue
        _post(each, each.side.batch_path, full[0])
        rates = []
        for _ in range(rounds):
            started = time.perf_counter()
            for body in full:
                _post(each, each.side.batch_path, body)
            rates.append(len(full) * BATCH_ROWS / (time.perf_counter() - started))
        result[f"{each.side.name}_batch_rows_per_second"] = round(median(rates))
    return result


def _ratios(result: Result) -> Result:
    beyond = float(result[f"{FULL}_ready_seconds"]) - float(result[f"{NOOP}_ready_seconds"])
    return {"ready_beyond_noop_seconds": round(beyond, 2)}


def _soak(each: Running, seconds: float, options: Options) -> Result:
    """Memory over a long open loop: the growth from the first tenth to the last."""
    sizes, failed = [], 0
    for look in range(SOAK_LOOKS):
        failed += _open(each, seconds / SOAK_LOOKS).failed
        sizes.append(each.memory()["rss_megabytes"])
        options.console.print(f"soak {look + 1} of {SOAK_LOOKS}: {sizes[-1]:g} MB")
    return {
        "soak_seconds": seconds,
        "soak_first_megabytes": sizes[0],
        "soak_last_megabytes": sizes[-1],
        "soak_growth_percent": round((sizes[-1] / sizes[0] - 1) * 100, 2),
        "soak_failed": failed,
    }


def show(result: Result) -> str:
    names = [name for name in TITLES if f"{name}_requests_per_second" in result]
    closed = table(
        ("closed loop", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "batch rows/s"),
        [
            [
                TITLES[name],
                f"{float(result[f'{name}_requests_per_second']):,.0f}",
                *(f"{float(result[f'{name}_p{p}_milliseconds']):.1f}" for p in (50, 95, 99)),
                f"{float(result[f'{name}_cpu_microseconds']):,.0f}",
                _rows(result, name),
            ]
            for name in names
        ],
    )
    opened = table(
        (f"open loop, {RATE}/s", "p50 ms", "p95 ms", "p99 ms", "failed"),
        [
            [
                TITLES[name],
                *(f"{float(result[f'{name}_open_p{p}_milliseconds']):.2f}" for p in (50, 95, 99)),
                str(result[f"{name}_open_failed"]),
            ]
            for name in names
            if f"{name}_open_failed" in result
        ],
    )
    resources = table(
        ("worker", "ready after s", "RSS MB", "PSS MB"),
        [
            [
                TITLES[name],
                f"{float(result[f'{name}_ready_seconds']):.1f}",
                f"{float(result[f'{name}_rss_megabytes']):.0f}",
                f"{float(result[f'{name}_pss_megabytes']):.0f}",
            ]
            for name in names
        ],
    )
    targets = [*TARGETS, *([SOAK_TARGET] if SOAK_TARGET.figure in result else [])]
    reached = table(
        ("target", "bound", "measured", ""),
        [
            [
                target.text,
                f"{'at least' if target.at_least else 'at most'} {target.bound:,g}",
                f"{float(result[target.figure]):,g}",
                verdict(target.reached(result)),
            ]
            for target in targets
            if target.figure in result
        ],
    )
    said = (
        f"One worker each, the same {result['family']} of {result['dataset']} in all that score, "
        f"the test rows as traffic, under a policy by which {NOT_APPROVED:.0%} of them are not "
        "approved. The service checks a key, stores every decision before it answers and chains "
        "it; the others do none of that. The plain no-op makes a span for each request, as BentoML "
        "does by default; the service and the mounted no-op make none. Closed loop: `wrk`, "
        f"{result['connections']} connections, {float(result['seconds']):g} s at a time, the sides "
        f"in turn, medians of {result['rounds']} rounds; CPU: what a request takes of processors, "
        "which a busy machine moves least. Open loop: latency counted from when a "
        f"request was due. Batches hold {BATCH_ROWS:,} rows, one client, one batch at a time."
    )
    return "\n\n".join(
        [said, "![requests per second](serving.svg)", closed, opened, resources, reached]
    )


def _rows(result: Result, name: str) -> str:
    rate = result.get(f"{name}_batch_rows_per_second")
    return f"{int(rate):,}" if rate else ""


def draw(result: Result, path: Path) -> None:
    """Requests a second as bars."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = [name for name in reversed(TITLES) if f"{name}_requests_per_second" in result]
    rates = [float(result[f"{name}_requests_per_second"]) for name in names]
    with mpl.rc_context({"svg.hashsalt": "serving"}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        axes = figure.subplots()
        colours = ["#1f77b4" if name in (LEAN, FULL, FOREST) else "#b0b0b0" for name in names]
        bars = axes.barh([TITLES[name].replace("`", "") for name in names], rates, color=colours)
        axes.bar_label(bars, [f"{rate:,.0f}" for rate in rates], padding=3)
        axes.set_xlabel("requests a second, one worker, closed loop")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.12)
        figure.savefig(path, format="svg", metadata={"Date": None})


BENCHMARK = Benchmark("serving", "Serving over HTTP", measure, show, draw)
