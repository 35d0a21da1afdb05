"""Prefect's API for flows that run in this process."""

import atexit
import os

import httpx

from configs.settings import Settings
from flows.local.environment import set_prefect_home, set_prefect_silent, set_quiet
from flows.local.processes import ProcessError, Server
from services.serve import LOOPBACK, free_port

API_URL = "PREFECT_API_URL"
START_SECONDS = 120
WITHOUT = ("--no-ui", "--no-scheduler", "--no-late-runs")


class PrefectApi:
    """The API named by PREFECT_API_URL, or else a server of our own that ends with this process.

    It is started before Prefect is imported, and boots while the heavy libraries load. Prefect's
    own ephemeral server would first import all of the server into this process.
    """

    def __init__(self, settings: Settings):
        """Start the server where one is needed."""
        set_quiet()
        set_prefect_home(settings)
        set_prefect_silent()
        self._server: Server | None = None
        if not os.environ.get(API_URL):
            self._server = _start(settings)
            # Registered before Prefect registers its own, so it runs after they have sent the
            # last logs.
            atexit.register(self._server.stop)

    def wait_until_up(self) -> None:
        """Wait until flows can run.

        Raises:
            ProcessError: the API does not answer.
        """
        if self._server:
            self._server.wait_until_up(START_SECONDS)
            return
        url = os.environ[API_URL].rstrip("/")
        try:
            httpx.get(f"{url}/health", timeout=30).raise_for_status()
        except httpx.HTTPError as error:
            raise ProcessError(
                f"Prefect does not answer at {url} ({error}); start it with `creditloop up`, or "
                f"unset {API_URL} to run without a server"
            ) from None


def _start(settings: Settings) -> Server:
    port = free_port()
    os.environ[API_URL] = f"http://{LOOPBACK}:{port}/api"
    return Server.start(
        "Prefect's API",
        ["prefect", "server", "start", "--host", LOOPBACK, "--port", str(port), *WITHOUT],
        settings.home / "logs" / "prefect-embedded.log",
        f"{os.environ[API_URL]}/health",
        # Its own API URL would make the server's command line ask itself.
        {API_URL: ""},
    )
