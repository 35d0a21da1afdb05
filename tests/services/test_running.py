"""A running service follows the ledger, and answers its own machine only."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from services.serve import LOOPBACK, _start, _stopped_at_the_end, _wait_for_answer, free_port
from tests import tiny
from tests.services.conftest import deploy, settings_in

EVERYWHERE = "0.0.0.0"  # noqa: S104 - where plain `bentoml serve` listens
FOLLOW_SECONDS = 20
WORKERS = 2
FIRST, SECOND, DAMAGED = (tiny.package(shift=shift) for shift in (-1.0, -2.0, -3.0))


@contextmanager
def steady_load(url: str) -> Iterator[list[tuple[int, str]]]:
    """Status and version of every answer to a request each few milliseconds."""
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.005):
            answer = httpx.post(f"{url}/api/predict", json={"features": tiny.APPLICATION})
            answers.append((answer.status_code, answer.json()["model"]["digest"]))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()


def wait_until_all_serve(url: str, digest: str) -> None:
    """Until enough new connections in a row are answered by this model; workers take turns."""
    deadline, row = time.monotonic() + FOLLOW_SECONDS, 0
    while row < 20 * WORKERS:
        answer = httpx.get(f"{url}/health")
        row = row + 1 if answer.is_success and answer.json()["model"]["digest"] == digest else 0
        assert time.monotonic() < deadline, answer.text
        time.sleep(0 if row else 0.1)


def model_info(url: str) -> dict[str, float]:
    lines = [
        line for line in httpx.get(f"{url}/metrics").text.splitlines() if "model_info{" in line
    ]
    return {line.split('version="')[1][:12]: float(line.split()[-1]) for line in lines}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("watched"), workers=WORKERS)


@pytest.fixture(scope="module")
def url(settings):
    port = free_port()
    with (settings.home / "service.log").open("wb") as log:
        process = _start(settings, EVERYWHERE, port, log)
        with _stopped_at_the_end(process):
            base = f"http://{LOOPBACK}:{port}"
            assert _wait_for_answer(process, base).status_code == 503
            yield base
    assert process.returncode == 0
    assert "Traceback" not in (settings.home / "service.log").read_text()


def test_a_running_service_follows_the_ledger(url, settings):
    deploy(settings, FIRST)
    wait_until_all_serve(url, FIRST.digest)
    assert httpx.get(f"{url}/readyz").is_success
    with steady_load(url) as answers:
        deploy(settings, SECOND)
        wait_until_all_serve(url, SECOND.digest)
        swapped = len(answers)
        deploy(settings, DAMAGED).joinpath("model.onnx").write_bytes(b"changed")
        time.sleep(5)
    assert set(answers) == {(200, FIRST.digest), (200, SECOND.digest)}
    assert {digest for _, digest in answers[swapped + 1 :]} == {SECOND.digest}
    assert len(answers) > swapped + 20
    assert model_info(url) == {FIRST.digest[:12]: 0, SECOND.digest[:12]: 1}
    assert httpx.get(f"{url}/openapi.json").json()["info"]["version"] == SECOND.digest[:12]
    complaints = (settings.home / "service.log").read_text().count("does not match its sha256")
    assert complaints == WORKERS


def own_addresses() -> list[str]:
    found = [address for card in psutil.net_if_addrs().values() for address in card]
    ours = [address.address for address in found if address.family == socket.AF_INET]
    return [address for address in ours if not address.startswith("127.")]


@pytest.mark.skipif(not own_addresses(), reason="this machine has loopback addresses only")
@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/metrics", "/docs", "/nothing"])
def test_a_connection_that_did_not_arrive_at_loopback_is_refused(url, path):
    elsewhere = url.replace(LOOPBACK, own_addresses()[0])
    answer = httpx.get(elsewhere + path, headers={"X-Forwarded-For": LOOPBACK}, trust_env=False)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "start it with --host 127.0.0.1" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["lender.example", "lender.example:8000", "203.0.113.9"])
def test_a_name_that_was_made_to_lead_here_is_refused(url, host):
    answer = httpx.get(f"{url}/health", headers={"Host": host})
    assert answer.status_code == 403
    assert "answers at loopback addresses only" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_this_machine_s_own_names_are_answered(url, host):
    assert httpx.get(f"{url}/livez", headers={"Host": host}).is_success


def test_a_proxy_on_the_same_machine_is_answered(url):
    assert httpx.get(f"{url}/livez", headers={"X-Forwarded-For": "203.0.113.9"}).is_success


def test_the_service_starts_without_scipy():
    """It takes seconds to load, and only drift on demand needs it."""
    program = "import sys, services.scorer; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
