"""Runs of Prefect's deployments, by its REST API: the service does not have Prefect itself."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from configs.urls import without_credentials

API_URL, API_USER = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING"
# So long Prefect may take to answer, and may say 503, as it does while its database is locked.
PATIENCE_SECONDS = 10


class RunError(RuntimeError):
    """Prefect did not do as it was asked; the message says what it said."""


@dataclass(frozen=True)
class Run:
    """A flow run: its state is Prefect's word, such as SCHEDULED, RUNNING or CRASHED."""

    id: str
    state: str
    began_at: datetime | None


class Prefect:
    """Prefect's API at a URL."""

    def __init__(self, url: str, patience_seconds: float = PATIENCE_SECONDS):
        user, _, password = os.environ.get(API_USER, "").partition(":")
        self._url = url.rstrip("/")
        self._patience = patience_seconds
        self._auth = (user, password) if user else None

    @classmethod
    def known(cls) -> "Prefect | None":
        """The API that the environment names, if it names one."""
        url = os.environ.get(API_URL)
        return cls(url) if url else None

    def create_run(self, deployment: str, parameters: Mapping[str, Any], key: str) -> Run:
        """Schedule a run of a deployment, or find the one that was scheduled with this key.

        Args:
            deployment: as `flow/deployment`.
            parameters: of the flow, as JSON.
            key: asking again with it gives the same run, whatever became of it.

        Raises:
            RunError: Prefect is out of reach, or has no such deployment.
        """
        found = self.ask("GET", f"deployments/name/{quote(deployment)}")
        asked = {"parameters": dict(parameters), "idempotency_key": key}
        row = self.ask("POST", f"deployments/{found['id']}/create_flow_run", asked)
        began = row.get("start_time")
        return Run(
            id=row["id"],
            state=row["state_type"],
            began_at=datetime.fromisoformat(began) if began else None,
        )

    def crash(self, run: Run, why: str) -> None:
        """Say of a run that it is over, since its process is gone; raises RunError."""
        state = {"type": "CRASHED", "message": why}
        self.ask("POST", f"flow_runs/{run.id}/set_state", {"state": state, "force": True})

    def resume(self, run_id: str) -> None:
        """Let a suspended run go on; raises RunError."""
        self.ask("POST", f"flow_runs/{quote(run_id)}/resume")

    def ask(self, method: str, path: str, content: object = None) -> Any:
        """What Prefect answers, as JSON; it is asked again while its database is locked.

        Raises:
            RunError: it is out of reach, or says no.
        """
        deadline = time.monotonic() + self._patience
        try:
            answer = self._request(method, path, content)
            while _is_busy(answer) and time.monotonic() < deadline:
                time.sleep(0.5)
                answer = self._request(method, path, content)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise RunError(without_credentials(f"Prefect at {self._url}: {error}")) from None
        return answer.json() if answer.content else {}

    def _request(self, method: str, path: str, content: object) -> httpx.Response:
        url = f"{self._url}/{path}"
        return httpx.request(method, url, json=content, auth=self._auth, timeout=self._patience)


def _is_busy(answer: httpx.Response) -> bool:
    return answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
