"""What was measured on what: machine, versions, commit and day."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from configs.settings import ROOT

GIGABYTE = 1e9


def circumstances(*packages: str) -> dict[str, str | int | float]:
    """Day, commit, machine, and the versions of Python and the named packages."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "cores": os.cpu_count() or 1,
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / GIGABYTE, 1),
        "system": platform.system(),
        "version_python": platform.python_version(),
        **{f"version_{name}": version(name) for name in packages},
    }


def _cpu() -> str:
    """The processor's model; Linux alone tells it in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _commit() -> str:
    """The commit that was measured, marked when files were changed since."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
