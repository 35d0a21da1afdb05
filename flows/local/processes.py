"""Servers that run as processes of their own, each with a log file and a way to tell it is up."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

STOP_SECONDS = 20


class ProcessError(RuntimeError):
    """A server did not start or died; the message names its log."""


@dataclass(frozen=True)
class Server:
    """A running server. `health` is a URL that answers once it is up, empty if it has none."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    health: str

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        log: Path,
        health: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> "Server":
        """Start a command of this Python's environment, apart from the terminal's signals."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, process, log, health)

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    def wait_until_up(self, seconds: float) -> None:
        """Wait for the health URL to answer.

        Raises:
            ProcessError: the process died, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while not self._answers():
            if not self.is_running:
                raise ProcessError(
                    f"{self.name} stopped with exit code {self.process.returncode}; see {self.log}"
                )
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"{self.name} did not answer at {self.health} within {seconds:.0f} s; "
                    f"see {self.log}"
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end, and insist after a while, with all that it started."""
        if self.is_running:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal_group(signal.SIGKILL)
            self.process.wait()
        self._signal_group(signal.SIGTERM)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.health, timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False
