"""Starting and stopping the HTTP service as a process of its own."""

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

import httpx

from configs.settings import ROOT, Settings
from services.ledger import open_ledger
from services.parent import LAUNCHER

SERVICE = "services.scorer:CreditScorer"
SERVICE_NAME = "CreditScorer"
LOOPBACK = "127.0.0.1"
START_SECONDS = 60
DRAIN_SECONDS = 60


class ServiceError(RuntimeError):
    """The service cannot start or serve; the message says why."""


def serve(settings: Settings, host: str, port: int, report: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first.

    Args:
        settings: which home, ledger and data set, and how many workers.
        host: an address; without API keys a loopback one, for nobody else may reach the service.
        port: where to listen.
        report: gets one line for the operator, whether a model serves or not.

    Raises:
        ServiceError: the address is not allowed, the port is taken, or the service died.
        LedgerError: the keys cannot be read.
    """
    address = _allowed(host, settings)
    _check_free(port, address)
    process = _start(settings, address, port, log=None)
    with _stopped_at_the_end(process), _until_signal():
        url = _url(address, port)
        health = _wait_for_answer(process, url)
        if health.is_success:
            model = health.json()["model"]
            report("{family} on {dataset}, version {version}, serves at ".format(**model) + url)
        else:
            report(f"{url} is up but not ready: {health.json()['detail']}")
        process.wait()
        raise ServiceError(f"the service stopped by itself with exit code {process.returncode}")


@contextmanager
def running_service(settings: Settings) -> Iterator[str]:
    """A service on a free loopback port: gives its URL once it is ready, and stops it afterwards.

    Raises:
        ServiceError: it does not start, or has no model to serve.
    """
    port = free_port()
    log = settings.home / "logs" / f"service-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = _start(settings, LOOPBACK, port, output)
        with _stopped_at_the_end(process):
            url = _url(LOOPBACK, port)
            try:
                health = _wait_for_answer(process, url)
            except ServiceError as error:
                raise ServiceError(f"{error}: {_last_line(log)}; its log is {log}") from None
            if not health.is_success:
                raise ServiceError(health.json()["detail"])
            yield url


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def service_environment(settings: Settings, bento_home: Path) -> dict[str, str]:
    """The environment of a BentoML process that works with these settings."""
    environment = {
        # glibc keeps what each thread has freed apart, so that every swap would leave some behind.
        "MALLOC_ARENA_MAX": "2",
        **os.environ,
        "CREDITLOOP_HOME": str(settings.home),
        "CREDITLOOP_DATASET": settings.dataset,
        "CREDITLOOP_LEDGER_URL": settings.ledger_url,
        LAUNCHER: str(os.getpid()),
        "BENTOML_HOME": str(bento_home),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_CONFIG_OPTIONS": f"services.{SERVICE_NAME}.workers={settings.serving.workers}",
    }
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    return environment


def instance_home(settings: Settings, port: int) -> Path:
    """The BENTOML_HOME of the instance at a port.

    BentoML empties the metrics folder of its home at every start: each instance has its own.
    """
    home = settings.home / "serving" / str(port)
    home.mkdir(parents=True, exist_ok=True)
    return home


def bentoml_serve(host: str, port: int) -> list[str]:
    """What `python -m` runs to serve at an address."""
    where = ["--working-dir", str(ROOT), "--host", host, "--port", str(port)]
    return ["bentoml", "serve", "--quiet", SERVICE, *where]


def _start(
    settings: Settings, host: str, port: int, log: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *bentoml_serve(host, port)],
        env=service_environment(settings, instance_home(settings, port)),
        stdin=subprocess.DEVNULL,
        stdout=log or sys.stderr,
        stderr=log or sys.stderr,
        # Ctrl-C reaches us alone, so that there is one way to stop it.
        start_new_session=True,
    )


def _allowed(host: str, settings: Settings) -> str:
    address = LOOPBACK if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise ServiceError(f"host {host!r} is no IP address; say --host {LOOPBACK}") from None
    if not is_loopback and not _has_keys(settings):
        raise ServiceError(
            f"host {host} can be reached from elsewhere, and there are no API keys; make some "
            f"with `creditloop keys create`, or say --host {LOOPBACK}"
        )
    return address


def _has_keys(settings: Settings) -> bool:
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        return any(key.revoked_at is None for key in ledger.list_keys())


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    try:
        _check_free(port)
    except ServiceError:
        return False
    return True


def _check_free(port: int, host: str = LOOPBACK) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"port {port} on {host} cannot be used: {error.strerror}; say --port NUMBER"
            ) from None


def _url(host: str, port: int) -> str:
    if ipaddress.ip_address(host).is_unspecified:
        host = LOOPBACK if ":" not in host else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_for_answer(process: subprocess.Popen[bytes], url: str) -> httpx.Response:
    """The first answer of /health; it comes after the model was loaded or refused."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(f"the service did not start: exit code {process.returncode}")
        try:
            # Connections wait in the socket's queue until the first worker takes them.
            health = httpx.get(f"{url}/health", timeout=START_SECONDS, trust_env=False)
            health.json()
        except (httpx.TransportError, json.JSONDecodeError):
            time.sleep(0.05)
        else:
            return health
    raise ServiceError(f"the service did not answer within {START_SECONDS} s")


@contextmanager
def _stopped_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def _until_signal() -> Iterator[None]:
    """Leave the block quietly at SIGTERM or Ctrl-C."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
