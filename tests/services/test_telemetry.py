"""Metrics, summed over two workers of a real service."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from services.telemetry import Telemetry
from tests import tiny
from tests.services.processes import wait_until
from tests.services.test_http import PREDICT, samples

IDENTITY = {"dataset": "tiny-credit", "family": "woe_logistic", "version": "0123456789ab"}


def total(found, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (own, having), value in found.items() if own == name and wanted <= having)


def test_each_stored_decision_is_in_one_commit_and_counted_once(http, url, package):
    def score(number: int) -> int:
        body = {"features": tiny.APPLICATION, "application_id": f"telemetry-{number % 40}"}
        return httpx.post(url + PREDICT, json=body, timeout=30).status_code

    before = samples(http)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(score, range(80))) == {200}
    rows = [{"features": tiny.APPLICATION}] * 300
    http.post("/api/predict/batch", json={"applications": [*rows, {}]})
    after = samples(http)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    version = package.digest[:12]
    assert grown("predictions_total", decision="decline", version=version) == 340
    assert grown("ledger_commit_rows_sum") == 380  # those that turned out to be known included
    assert 2 <= grown("ledger_commit_rows_count") <= 82
    assert grown("ledger_commit_duration_seconds_count") == grown("ledger_commit_rows_count")
    wait_until(lambda: total(samples(http), "ledger_queue_depth") == 0)  # looked at now and then


def test_errors_are_counted_by_route_and_status(http):
    before = samples(http)
    http.post(PREDICT, json={})
    http.get("/api/decisions/7")
    after = samples(http)
    for route in (PREDICT, "/api/decisions/{decision_id}"):
        labels = {"route": route, "status": "422"}
        grown = total(after, "api_errors_total", **labels)
        assert grown - total(before, "api_errors_total", **labels) == 1


def test_each_worker_has_its_memory_and_all_share_their_time(http):
    found = samples(http)
    memory = {
        dict(labels)["pid"]: value
        for (name, labels), value in found.items()
        if name == "process_resident_memory_bytes"
    }
    assert len(memory) == 2
    for pid, size in memory.items():
        now = psutil.Process(int(pid)).memory_info().rss
        assert 0.5 * now < size < 2 * now
    assert total(found, "process_cpu_seconds_total") > 0


def test_health_probes_are_counted_under_their_own_names(http):
    before = samples(http)
    http.get("/livez")
    after = samples(http)
    labels = {"route": "/livez", "method": "GET", "status": "200"}
    grown = total(after, "http_requests_total", **labels)
    assert grown - total(before, "http_requests_total", **labels) == 1


WORKER = """
from services.telemetry import Telemetry
telemetry = Telemetry()
telemetry.predicted(["approve"], "v", 0.01)
telemetry.watch(None, 3)
print(telemetry.render().decode())
"""


def test_a_worker_that_is_gone_leaves_its_counts_but_no_gauges(tmp_path):
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def worker() -> list[Sample]:
        text = subprocess.run(
            [sys.executable, "-c", WORKER],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        families = text_string_to_metric_families(text)
        return [sample for family in families for sample in family.samples]

    worker()
    found = worker()
    values = {sample.name: sample.value for sample in found}
    assert values["predictions_total"] == 2
    assert values["ledger_queue_depth"] == 3
    assert len([each for each in found if each.name == "process_resident_memory_bytes"]) == 1


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    return Telemetry()


def test_swaps_and_the_model_are_told(alone):
    alone.watch(IDENTITY, 0)
    alone.watch({**IDENTITY, "version": "ba9876543210"}, 0)
    alone.swapped("served", "ba9876543210")
    alone.swapped("refused", "ffffffffffff")
    text = alone.render().decode()
    assert (
        'model_info{dataset="tiny-credit",family="woe_logistic",version="0123456789ab"} 0' in text
    )
    assert (
        'model_info{dataset="tiny-credit",family="woe_logistic",version="ba9876543210"} 1' in text
    )
    assert 'model_swaps_total{result="served",version="ba9876543210"} 1' in text
    assert 'model_swaps_total{result="refused",version="ffffffffffff"} 1' in text
