"""Keeping the service to its own machine while it has no API keys."""

import ipaddress
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from services.problems import ProblemError


class LoopbackOnly:
    """ASGI middleware that refuses every connection that did not arrive at a loopback address.

    The address it arrived at is the socket's own; that of the client may be what a header says.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or _is_loopback(scope.get("server")):
            await self._app(scope, receive, send)
            return
        problem = ProblemError(
            HTTPStatus.FORBIDDEN,
            "there are no API keys, so the service answers at loopback addresses only; "
            "start it with --host 127.0.0.1",
        )
        await problem.response()(scope, receive, send)


def _is_loopback(server: tuple[str, int | None] | None) -> bool:
    try:
        return server is not None and ipaddress.ip_address(server[0]).is_loopback
    except ValueError:
        return False
