"""The processes of a running service, for tests that stop and kill them."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from subprocess import Popen

import psutil

from configs.settings import Settings
from services.serve import LOOPBACK, _start, _stopped_at_the_end, _wait_for_answer


@contextmanager
def service(settings: Settings, port: int) -> Iterator[Popen[bytes]]:
    """The process that supervises the workers."""
    with (settings.home / "service.log").open("ab") as log:
        process = _start(settings, LOOPBACK, port, log)
        with _stopped_at_the_end(process):
            assert _wait_for_answer(process, f"http://{LOOPBACK}:{port}").is_success
            yield process


def family(process: Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def workers(process: Popen[bytes]) -> list[psutil.Process]:
    """Those that were started; a process that is just being made shows its parent's command."""
    return [each for each in family(process) if is_alive(each) and _is_worker(each)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any(".worker." in part for part in process.cmdline())
    except psutil.Error:
        return False  # it ended meanwhile


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_until(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


def kill_all(process: Popen[bytes]) -> None:
    """SIGKILL for the supervisor and its workers."""
    for each in [psutil.Process(process.pid), *family(process)]:
        with suppress(psutil.NoSuchProcess):  # its parent's end was its own
            each.kill()
    process.wait()
