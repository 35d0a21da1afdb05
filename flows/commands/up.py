"""creditloop up."""

import time

from configs.settings import load_settings
from flows.commands.console import stderr
from flows.local.environment import set_prefect_home, set_quiet
from flows.local.processes import ProcessError
from flows.local.stack import Ports, running_stack

WATCH_SECONDS = 1.0


def run(prefect_port: int, mlflow_port: int, port: int | None) -> None:
    """Start everything, watch until Ctrl-C or SIGTERM, stop everything."""
    settings, console = load_settings(), stderr()
    set_quiet()
    set_prefect_home(settings)
    console.print(f"Starting; logs are in {settings.home / 'logs'}", soft_wrap=True)
    ports = Ports(prefect_port, mlflow_port, port or settings.serving.port)
    with running_stack(
        settings, ports, lambda line: console.print(line, soft_wrap=True)
    ) as servers:
        console.print("Schedules are on. Ctrl-C stops everything.")
        try:
            while True:
                for server in servers:
                    if not server.is_running:
                        raise ProcessError(f"{server.name} has stopped; see {server.log}")
                time.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            console.print("Stopping")
