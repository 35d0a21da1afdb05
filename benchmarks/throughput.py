"""How many requests a second the service answers, against a BentoML endpoint that does nothing."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from benchmarks.benchmark import Benchmark, BenchmarkError, Options, Result
from benchmarks.development import develop, package_of, raw_fields, train
from benchmarks.machine import circumstances
from benchmarks.report import table
from configs.settings import ROOT, Settings, load_settings
from credit.plan import FamilyName, PresetName
from services.ledger import open_ledger
from services.packages import write_package
from services.serve import free_port, running_service

DATASET = "taiwan-default"
FAMILY: FamilyName = "xgboost"
BODIES = 500
CONNECTIONS = 8
SECONDS = 10
WARM_UP_SECONDS = 3
RUNS = 5
START_SECONDS = 60
PACKAGES = ("bentoml", "fastapi", "uvicorn", "onnxruntime", "pydantic")


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float


def measure(
    options: Options,
    dataset: str = DATASET,
    family: FamilyName = FAMILY,
    seconds: int = SECONDS,
) -> Result:
    """Serve a champion and the endpoint that does nothing, and load them in turn.

    Raises:
        BenchmarkError: wrk is not installed, or a request failed.
    """
    if not shutil.which("wrk"):
        raise BenchmarkError("wrk is not installed; say `apt-get install wrk` (or brew, dnf)")
    preset, runs = options.preset or "quick", options.runs or RUNS
    facts, home = circumstances(*PACKAGES), options.scratch / "throughput"
    shutil.rmtree(home, ignore_errors=True)
    settings = load_settings(home=home, dataset=dataset, ledger_url="", serving={"workers": 1})
    bodies = _deploy(settings, family, preset)
    with running_service(settings) as service, _running_noop(home) as noop:
        for url in (service, noop):
            _load(url, bodies, min(seconds, WARM_UP_SECONDS))
        pairs = []
        for number in range(1, runs + 1):
            pairs.append((_load(service, bodies, seconds), _load(noop, bodies, seconds)))
            options.console.print(
                f"{number} of {runs}: service {pairs[-1][0].per_second:,.0f}/s, "
                f"no-op {pairs[-1][1].per_second:,.0f}/s"
            )
    shutil.rmtree(home)
    return {
        **facts,
        "dataset": dataset,
        "family": family,
        "preset": preset,
        "runs": runs,
        "seconds": seconds,
        "connections": CONNECTIONS,
        **_summary("service", [service for service, _ in pairs]),
        **_summary("noop", [noop for _, noop in pairs]),
        "ratio": round(median(service.per_second / noop.per_second for service, noop in pairs), 3),
    }


def _deploy(settings: Settings, family: FamilyName, preset: PresetName) -> Path:
    """Train and deploy a champion; gives the file of bodies to post."""
    development = develop(settings.dataset)
    package = package_of(train(family, preset, development), development)
    path = write_package(settings.packages, package)
    ledger = open_ledger(settings.ledger_uri)
    try:
        uri = path.relative_to(settings.home).as_posix()
        ledger.deploy(settings.dataset, package.digest, uri, family, "benchmark", "throughput")
    finally:
        ledger.close()
    bodies = settings.home / "bodies.jsonl"
    lines = [json.dumps({"features": fields}) for fields in raw_fields(development, BODIES)]
    bodies.write_text("\n".join(lines) + "\n")
    return bodies


@contextmanager
def _running_noop(home: Path) -> Iterator[str]:
    port = free_port()
    url, bento_home, log = f"http://127.0.0.1:{port}", home / "noop", home / "noop.log"
    bento_home.mkdir(parents=True, exist_ok=True)
    where = ["--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", "--quiet", "benchmarks.noop:Noop", *where],
            env={**os.environ, "BENTOML_HOME": str(bento_home), "BENTOML_DO_NOT_TRACK": "True"},
            stdout=output,
            stderr=output,
        )
        try:
            _wait_until_ready(url, log)
            yield url
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise BenchmarkError(f"the no-op service did not start in {START_SECONDS} s; see {log}")


def _load(url: str, bodies: Path, seconds: int) -> Load:
    """A closed loop: each connection sends its next request when it has the answer."""
    script = str(Path(__file__).with_name("post.lua"))
    load = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    command = ["wrk", *load, "--script", script, url, "--", str(bodies)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["failed"]:
        raise BenchmarkError(f"{seen['failed']} of {seen['requests']} requests failed")
    per_second = seen["requests"] / seen["microseconds"] * 1e6
    return Load(per_second, seen["p50"] / 1000, seen["p99"] / 1000)


def _summary(prefix: str, loads: list[Load]) -> Result:
    return {
        f"{prefix}_requests_per_second": round(median(load.per_second for load in loads)),
        f"{prefix}_p50_milliseconds": round(median(load.p50 for load in loads), 2),
        f"{prefix}_p99_milliseconds": round(median(load.p99 for load in loads), 2),
    }


def show(result: Result) -> str:
    rows = [
        [
            title,
            f"{int(result[f'{side}_requests_per_second']):,}",
            f"{float(result[f'{side}_p50_milliseconds']):.2f}",
            f"{float(result[f'{side}_p99_milliseconds']):.2f}",
        ]
        for side, title in (
            ("service", f"`/api/predict` ({result['family']}, {result['dataset']})"),
            ("noop", "no-op `@bentoml.api`, same body"),
        )
    ]
    said = (
        "The service as `creditloop serve` runs it, and a BentoML endpoint that parses the same "
        "body and does nothing, one worker each, metrics and access log of BentoML off in both. "
        f"Closed loop of `wrk` on the same machine, {result['connections']} connections, "
        f"{result['seconds']} s at a time in turn, medians of {result['runs']} runs."
    )
    ratio = f"Ratio of requests a second, service to no-op: {float(result['ratio']):.2f}."
    head = ("endpoint", "requests/s", "p50 ms", "p99 ms")
    return "\n\n".join([said, table(head, rows), ratio])


BENCHMARK = Benchmark("throughput", "HTTP throughput", measure, show)
