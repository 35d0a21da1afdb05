"""Who may ask what, and how much of it.

While nobody has an active key, the service answers loopback connections only, and those without a
key. As soon as somebody has one, every route but the public ones wants a key with its role.
"""

import ipaddress
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.ledger import OWN_KEYS, ApiKey, Role
from services.logs import note
from services.problems import ProblemError, unavailable
from services.worker import Worker

# The roles of which each route wants one; the public ones want none. Other paths want any key.
ACCESS: Mapping[str, tuple[Role, ...]] = {
    "/": (),
    "/livez": (),
    "/healthz": (),
    "/readyz": (),
    "/health": (),
    "/openapi.json": (),
    "/docs": (),
    "/docs/{file}": (),
    "/page/{file}": (),
    "/metrics": ("monitor",),
    "/api/predict": ("score",),
    "/api/predict/batch": ("score",),
    "/api/what-if": ("monitor",),
    "/api/explain": ("score",),
    "/api/outcomes": ("outcome",),
    "/api/reviews": ("review",),
    "/api/decisions/{decision_id}": ("monitor",),
    "/api/decisions/{decision_id}/notice": ("score", "review"),
    "/api/decisions/{decision_id}/protected": ("fairness",),
    "/api/model": ("monitor",),
    "/api/monitoring/drift": ("monitor",),
    "/api/monitoring/status": ("monitor",),
    "/api/model/history": ("monitor",),
    "/api/promotions/{promotion_id}": ("approve",),
    "/api/retrain": ("approve", "admin"),
    "/api/retrain/{request_id}": ("monitor",),
}
BURST_SECONDS = 2
CALLER = "creditloop.key"
ROUTE = "creditloop.route"

# Unless an answer has its own. Swagger UI sets styles inline; nothing comes from elsewhere.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"cache-control", b"no-store"),
)

_TEMPLATES = tuple(
    (re.compile(re.sub(r"{\w+}", "[^/]+", path)), path) for path in ACCESS if "{" in path
)


def caller(request: Request) -> ApiKey | None:
    """The key that a request came with; None: nobody has one."""
    key: ApiKey | None = request.scope.get(CALLER)
    return key


@dataclass
class _Bucket:
    """Tokens of one key; each request takes one, and they come back with time."""

    tokens: float
    filled_at: float


class Guard:
    """ASGI middleware around everything that the service answers."""

    def __init__(self, app: ASGIApp, worker: Worker):
        self._app = app
        self._worker = worker
        self._buckets: dict[str, _Bucket] = {}
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                names = {name for name, _ in own}
                message["headers"] = own + [each for each in HEADERS if each[0] not in names]
            await send(message)

        try:
            self._admit(scope)
        except ProblemError as problem:
            await problem.response()(scope, receive, send_guarded)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send_guarded)
        finally:
            self._under_way -= 1

    def _admit(self, scope: Scope) -> None:
        """Let the request in and note whose key it came with, or raise ProblemError."""
        keys = self._worker.keys
        scope[ROUTE] = route = _template(scope["path"])
        roles = ACCESS.get(route, ())
        if keys.is_empty:
            _check_loopback(scope)
        if route and not roles:
            return
        if not keys.is_known:
            raise unavailable("the service is starting, or the ledger is out of reach; try again")
        if not keys.is_empty or (roles and OWN_KEYS.issuperset(roles)):
            scope[CALLER] = key = self._authenticate(scope, roles)
            note(scope, key=key.id)
            self._take_token(key)
        if roles != ("monitor",) and self._under_way >= self._worker.settings.serving.most_requests:
            raise unavailable("too many requests at once; try again", kind="overload")

    def _authenticate(self, scope: Scope, roles: tuple[Role, ...]) -> ApiKey:
        key = self._worker.keys.find(_token(scope))
        if key is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "send a key as `Authorization: Bearer cl_...` or `X-API-Key: cl_...`; "
                f"`creditloop keys create --role {roles[0] if roles else 'score'}` makes one",
                headers={"WWW-Authenticate": 'Bearer realm="creditloop"'},
            )
        if roles and not any(key.may(role) for role in roles):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"key {key.id} may {', '.join(key.roles)}, but this needs {' or '.join(roles)}",
                headers={
                    "WWW-Authenticate": 'Bearer error="insufficient_scope", '
                    f'scope="{" ".join(roles)}"'
                },
            )
        return key

    def _take_token(self, key: ApiKey) -> None:
        rate, now = self._worker.settings.serving.requests_per_second, monotonic()
        most = BURST_SECONDS * rate
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = self._buckets[key.id] = _Bucket(most, now)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            wait = max(1, round((1 - bucket.tokens) / rate))
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"key {key.id} sends over {rate:g} requests a second; wait {wait} s",
                headers={"Retry-After": str(wait)},
            )
        bucket.tokens -= 1


def _template(path: str) -> str:
    """The route that a path belongs to; empty: there is none."""
    if path in ACCESS:
        return path
    return next((route for template, route in _TEMPLATES if template.fullmatch(path)), "")


def _token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return str(value, "latin-1").strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:], "latin-1").strip()
    return ""


def _check_loopback(scope: MutableMapping[str, Any]) -> None:
    """The address it arrived at is the socket's own; a client's may be what a header says.

    The host that it asks for must be this machine too: a page elsewhere whose name is made to lead
    here would otherwise be answered in its visitor's browser.
    """
    server = scope.get("server")
    if server is None or not (_is_loopback(server[0]) and _is_loopback(_host(scope))):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "there are no API keys, so the service answers at loopback addresses only; make one "
            "with `creditloop keys create`, or start it with --host 127.0.0.1",
        )


def _host(scope: MutableMapping[str, Any]) -> str:
    """The name that was asked for, without its port."""
    asked = next((str(value, "latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return asked[1:].partition("]")[0] if asked[:1] == "[" else asked.partition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
