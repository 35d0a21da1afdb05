"""Ending with the process that started us, however that one ended."""

import os
import signal
import threading
import time

LAUNCHER = "CREDITLOOP_LAUNCHER"
LOOK_SECONDS = 0.5


def end_with(parent: int) -> None:
    """Send SIGTERM to this process once `parent`, which started it, is gone.

    A parent that was killed cannot stop its children, and a service that goes on without its
    supervisor holds the port of the one that is started next.
    """
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def end_with_launcher() -> None:
    """The same for the process that CREDITLOOP_LAUNCHER names, if that one started us."""
    launcher = int(os.environ.get(LAUNCHER, "0"))
    if launcher == os.getppid():
        end_with(launcher)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
