"""A retraining that is killed with signal 9 right after a named point.

python -m tests.flows.killed POINT REQUEST NOW
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from configs.settings import load_settings
from flows.local.inprocess import flows_ready

NOWHERE = "nowhere"
# Where each point's function is looked up when the flow calls it.
POINTS = {
    "package written": ("tasks.publishing", "write_package"),
    "attestation signed": ("tasks.publishing", "write_attestation"),
    "deployment row added": ("tasks.promotion", "request_promotion"),
    "alias moved": ("tasks.promotion", "follow_ledger"),
    "request closed": ("tasks.requests", "close"),
}


def _deadly(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        function(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return call


def main(point: str, request: str, now: str) -> None:
    """Run the flow until the point, or to its end."""
    settings = load_settings()
    with flows_ready(settings):
        import flows.promotion
        from flows.retraining import retraining

        if point != NOWHERE:
            module, name = POINTS[point]
            # The flow has bound this one by its name already.
            place = flows.promotion if name == "request_promotion" else sys.modules[module]
            setattr(place, name, _deadly(getattr(place, name)))
        retraining(settings.dataset, request_id=UUID(request), now=datetime.fromisoformat(now))


if __name__ == "__main__":
    main(*sys.argv[1:])
