"""What is killed, stopped or left without a disk loses no decision that it has acknowledged."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest

from services.ledger import open_ledger
from services.serve import LOOPBACK, free_port
from tests.services.conftest import deploy, settings_in
from tests.services.load import steady_load
from tests.services.processes import (
    family,
    is_alive,
    is_free,
    kill_all,
    service,
    wait_until,
    workers,
)

WORKERS = 2


@pytest.fixture
def settings(tmp_path, package):
    settings = settings_in(tmp_path, workers=WORKERS)
    deploy(settings, package)
    return settings


@pytest.fixture
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


@contextmanager
def nobody_writes(settings):
    """Hold the database's lock, so that every request waits to be stored."""
    with closing(sqlite3.connect(settings.home / "ledger.db", isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        yield
        blocker.execute("ROLLBACK")


def test_sigterm_answers_what_is_under_way_and_leaves_nobody_behind(settings, ledger):
    port = free_port()
    with service(settings, port) as process:
        ours = family(process)
        with steady_load(f"http://{LOOPBACK}:{port}", rate=50) as load, nobody_writes(settings):
            wait_until(lambda: load.sent >= 40)
            assert load.answers == []
            under_way = load.sent - 2
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
        assert process.wait(30) == 0
    assert is_free(port)
    assert load.statuses[200] >= under_way, load.statuses
    assert load.statuses.keys() <= {200, 0}
    assert [each for each in ours if is_alive(each)] == []
    load.check(ledger)
    assert "Traceback" not in (settings.home / "service.log").read_text()


@pytest.mark.stack
def test_a_killed_worker_comes_back(settings, ledger):
    port = free_port()
    with (
        service(settings, port) as process,
        steady_load(f"http://{LOOPBACK}:{port}", rate=50, retry=True) as load,
    ):
        for _ in range(3):
            load.wait_for_answers(50)
            victim = workers(process)[0]
            victim.kill()
            wait_until(lambda: len(workers(process)) == WORKERS)
        load.wait_for_answers(100)
    assert len(load.acknowledged) == load.sent
    load.check(ledger)


@pytest.mark.stack
def test_a_service_that_was_killed_lost_nothing(settings, ledger):
    port = free_port()
    with steady_load(f"http://{LOOPBACK}:{port}", rate=50, retry=True) as load:
        with service(settings, port) as process:
            load.wait_for_answers(100)
            kill_all(process)
        with service(settings, port):
            load.wait_for_answers(100)
            wait_until(lambda: len(load.acknowledged) >= load.sent - 20)
    load.check(ledger)


SERVE = """
import sys
from pathlib import Path
from services.serve import serve
from tests.services.conftest import settings_in
serve(settings_in(Path(sys.argv[1]), workers=2), "localhost", int(sys.argv[2]), print)
"""


@pytest.mark.parametrize("victim", ["command", "supervisor"])
def test_who_is_killed_takes_its_children_along(settings, victim):
    port = free_port()
    command = subprocess.Popen([sys.executable, "-c", SERVE, settings.home, str(port)])
    wait_until(lambda: not is_free(port), seconds=60)
    # Until the first worker is up a request waits in the socket's queue.
    wait_until(lambda: httpx.get(f"http://{LOOPBACK}:{port}/health", timeout=60).is_success)
    (supervisor,) = psutil.Process(command.pid).children()
    ours = family(command)
    os.kill(command.pid if victim == "command" else supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, ours)))
    assert is_free(port)
    command.wait(10)


def test_without_room_on_the_disk_nothing_is_acknowledged_until_there_is(settings, ledger):
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    with service(settings, port) as process, steady_load(url, rate=50, retry=True) as load:
        load.wait_for_answers(50)
        for worker in workers(process):
            _, hard = worker.rlimit(resource.RLIMIT_FSIZE)
            worker.rlimit(resource.RLIMIT_FSIZE, (8192, hard))
        load.wait_for_answers(50, status=503)
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
        assert httpx.get(f"{url}/livez").is_success
        for worker in workers(process):
            worker.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
        wait_until(lambda: httpx.get(f"{url}/readyz").is_success)
        load.wait_for_answers(100)
    refused = [answer for answer in load.answers if answer.status != 200]
    assert {answer.status for answer in refused} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert len(load.acknowledged) == load.sent
    load.check(ledger)
