"""Requests that are due on a fixed clock, whatever became of those before.

The latency of a request counts from when it was due, so a stall shows in all that it delays. A
client of few instructions, for it shares the machine with what it measures.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

STOP_SECONDS = 30.0


@dataclass
class Seen:
    """Latencies in seconds, and how many requests were not answered with 200."""

    latencies: list[float] = field(default_factory=list)
    failed: int = 0


def load(host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Seen:
    """Send whole HTTP requests in turn, `rate` a second, over as many connections as it takes."""
    return asyncio.run(_load(host, port, requests, rate, seconds))


async def _load(
    host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float
) -> Seen:
    loop, seen, idle, everyone = asyncio.get_running_loop(), Seen(), [], []
    total, start = int(rate * seconds), loop.time() + 0.1
    for number in range(total):
        due = start + number / rate
        if (early := due - loop.time()) > 0:
            await asyncio.sleep(early)
        if not idle:
            _, connection = await loop.create_connection(
                lambda: _Connection(seen, idle), host, port
            )
            everyone.append(connection)
            idle.append(connection)
        idle.pop().send(requests[number % len(requests)], due)
    deadline = loop.time() + STOP_SECONDS
    while len(seen.latencies) + seen.failed < total and loop.time() < deadline:
        await asyncio.sleep(0.05)
    seen.failed = total - len(seen.latencies)  # those without an answer too
    for connection in everyone:
        connection.transport.close()
    return seen


class _Connection(asyncio.Protocol):
    """One request at a time; it counts as answered when its last byte is there."""

    transport: asyncio.Transport

    def __init__(self, seen: Seen, idle: list["_Connection"]):
        self._seen, self._idle = seen, idle
        self._due, self._received, self._wanted = 0.0, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._loop = asyncio.get_running_loop()

    def send(self, request: bytes, due: float) -> None:
        self._due, self._received, self._wanted = due, b"", 0
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            head, found, _ = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._wanted = len(head) + 4 + int(length)
        if len(self._received) >= self._wanted:
            if self._received.startswith(b"HTTP/1.1 200 "):
                self._seen.latencies.append(self._loop.time() - self._due)
            else:
                self._seen.failed += 1
            self._idle.append(self)

    def connection_lost(self, _error: Exception | None) -> None:
        if self in self._idle:
            self._idle.remove(self)
