"""Ending with the process that started us, however that one ended."""

import os
import signal
import threading
import time

# Who started the process that supervises the workers, and that process itself.
LAUNCHER, SUPERVISOR = "CREDITLOOP_LAUNCHER", "CREDITLOOP_SUPERVISOR"
LOOK_SECONDS = 0.5


def end_with(variable: str) -> None:
    """Send SIGTERM to this process once the parent that a variable names is gone.

    A parent that was killed cannot stop its children, and a service that goes on without its
    supervisor holds the port of the one that is started next. Without the variable, nobody
    promised to stop us.
    """
    parent = int(os.environ.get(variable, "0"))
    if parent:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
