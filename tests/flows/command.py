"""Running the command line as people do: as a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

COMMAND = Path(sys.executable).parent / "creditloop"
OURS = ("CREDITLOOP_", "PREFECT_", "MLFLOW_", "BENTOML_")
SMALL = Path(__file__).parent / "small.yaml"


@dataclass(frozen=True)
class Outcome:
    """What a command said and ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def error_lines(self) -> list[str]:
        """The lines on stderr."""
        return self.err.strip().splitlines()


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This environment without what configures us, a home, and settings that spare work."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    ours = {"CREDITLOOP_HOME": str(home), "CREDITLOOP_CONFIG": str(SMALL), "DO_NOT_TRACK": "1"}
    return {**kept, **ours, **variables}


def creditloop(home: Path, *arguments: object, **variables: str) -> Outcome:
    """Run a command to its end."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        env=environment(home, **variables),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def creditloop_here(
    home: Path,
    api: str,
    capfd: pytest.CaptureFixture[str],
    *arguments: object,
    **variables: str,
) -> Outcome:
    """Run a command in this process, where the heavy libraries are loaded already."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows import cli

    with (
        patch.dict(os.environ, environment(home, PREFECT_API_URL=api, **variables), clear=True),
        temporary_settings({PREFECT_API_URL: api}),
        patch.object(sys, "argv", ["creditloop", *map(str, arguments)]),
        contextlib.chdir(home),
    ):
        capfd.readouterr()
        try:
            code = cli._run()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Outcome(code, *capfd.readouterr())
