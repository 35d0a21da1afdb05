"""What is killed, stopped or left without a disk loses no decision that it has acknowledged."""

import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest

from services.ledger import open_ledger
from services.serve import LOOPBACK, _start, _stopped_at_the_end, _wait_for_answer, free_port
from tests.services.conftest import deploy, settings_in
from tests.services.load import steady_load

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
def service(settings, port):
    """The process that supervises the workers."""
    with (settings.home / "service.log").open("ab") as log:
        process = _start(settings, LOOPBACK, port, log)
        with _stopped_at_the_end(process):
            assert _wait_for_answer(process, f"http://{LOOPBACK}:{port}").is_success
            yield process


def family(process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def workers(process) -> list[psutil.Process]:
    """Those that were started; a process that is just being made shows its parent's command."""
    return [each for each in family(process) if is_alive(each) and _is_worker(each)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any(".worker." in part for part in process.cmdline())
    except psutil.Error:
        return False  # it ended meanwhile


def is_alive(process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_until(what, seconds=30):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_free(port) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


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


def test_a_service_that_was_killed_lost_nothing(settings, ledger):
    port = free_port()
    with steady_load(f"http://{LOOPBACK}:{port}", rate=50, retry=True) as load:
        with service(settings, port) as process:
            load.wait_for_answers(100)
            for each in [psutil.Process(process.pid), *family(process)]:
                each.kill()
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
    wait_until(lambda: httpx.get(f"http://{LOOPBACK}:{port}/health").is_success)
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
