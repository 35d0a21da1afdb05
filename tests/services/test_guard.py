"""Who may ask what, and how much of it."""

import asyncio

import pytest

from services.guard import ACCESS, Guard
from services.worker import Worker

LOOPBACK = "127.0.0.1"


def test_every_route_has_its_role(http):
    paths = http.get("/openapi.json").json()["paths"]
    assert set(paths) <= set(ACCESS)


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80), True),
        (("192.168.1.5", 80), False),
        (("::", 80), False),
        (("/run/scorer.sock", None), False),
        (None, False),
    ],
)
def test_without_keys_where_a_connection_arrived_decides(server, allowed):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    sent: list[dict[str, object]] = []
    worker = Worker()
    worker.keys._keys = {}
    scope = {"type": "http", "server": server, "client": (LOOPBACK, 1), "path": "/health"}
    asyncio.run(Guard(app, worker)(scope, None, send))
    assert sent[0]["status"] == (200 if allowed else 403)
