"""The circumstances of a run: who asked for it, and from which code."""

import subprocess
from datetime import UTC, date, datetime

from prefect.runtime import deployment, flow_run

from configs.settings import ROOT
from services.people import user


def run_id() -> str:
    """The Prefect flow run's id."""
    return str(flow_run.id)


def requester() -> str:
    """The user that runs the process, with the deployment that started the run if one did."""
    return f"{user()} ({deployment.name} deployment)" if deployment.name else user()


def today() -> date:
    """The day, in UTC."""
    return datetime.now(UTC).date()


def git_commit() -> str | None:
    """The commit of the code, or None outside a repository."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607  git is wherever the user has it
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def clock(now: datetime | None) -> datetime:
    """A time that was given, in UTC unless it says otherwise, or when this run was to start.

    So a run that begins late or again keeps its time.
    """
    if now is None:
        return datetime.fromtimestamp(flow_run.scheduled_start_time.timestamp(), UTC)
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
