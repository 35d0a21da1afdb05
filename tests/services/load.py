"""Applications at a steady rate, and what the ledger must hold of them afterwards."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import select

from services.ledger import Ledger
from services.ledger.tables import decisions
from tests import tiny

MOST_CONNECTIONS = 64
ANSWER_SECONDS = 60
RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """What a request got; status 0 where the connection broke."""

    status: int
    body: dict[str, object]
    headers: dict[str, str]

    @property
    def digest(self) -> str:
        """The model that decided."""
        return self.body["model"]["digest"]


BROKEN = Answer(0, {}, {})


@dataclass
class Load:
    """What was sent and answered so far.

    answers: all of them, in their order. acknowledged: by application id.
    """

    answers: list[Answer] = field(default_factory=list)
    acknowledged: dict[str, Answer] = field(default_factory=dict)
    sent: int = 0

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(answer.status for answer in self.answers)

    def wait_until_all_serve(self, digest: str, row: int = 100, seconds: float = 30) -> None:
        """Until so many answers in a row came from one model."""
        first, deadline = len(self.answers), time.monotonic() + seconds
        while True:
            newest = [
                answer.digest for answer in self.answers[first:][-row:] if answer.status == 200
            ]
            if len(newest) == row and set(newest) == {digest}:
                return
            assert time.monotonic() < deadline, f"{len(newest)} answers, of {set(newest)}"
            time.sleep(0.05)

    def wait_for_answers(self, count: int, status: int = 200, seconds: float = 60) -> None:
        """Until so many more answers have this status."""
        first, deadline = len(self.answers), time.monotonic() + seconds
        while sum(answer.status == status for answer in self.answers[first:]) < count:
            assert time.monotonic() < deadline, f"no {status}: {self.statuses}"
            time.sleep(0.05)

    def check(self, ledger: Ledger) -> None:
        """Every acknowledged decision is in the ledger as it was answered, and none twice."""
        query = select(
            decisions.c.id, decisions.c.application_id, decisions.c.digest, decisions.c.decision
        )
        with ledger.reading() as connection:
            rows = connection.execute(query).all()
        times = Counter(row.application_id for row in rows)
        assert [name for name, count in times.items() if count > 1] == []
        stored = {row.application_id: (row.id, row.digest, row.decision) for row in rows}
        answered = {
            name: (UUID(answer.body["id"]), answer.digest, answer.body["decision"])
            for name, answer in self.acknowledged.items()
        }
        assert {name: stored.get(name) for name in answered} == answered


@contextmanager
def steady_load(
    url: str, rate: float, retry: bool = False, connections: int = MOST_CONNECTIONS
) -> Iterator[Load]:
    """Send applications at a rate per second until the block ends, then wait for the answers.

    Each is due at a fixed time, whatever the service does. With `retry` each is sent again, as it
    was, until it is acknowledged.
    """
    load, done = Load(), threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_Sender(url, load, retry, connections).run(rate, done))
    )
    thread.start()
    try:
        yield load
    finally:
        done.set()
        thread.join()


class _Sender:
    def __init__(self, url: str, load: Load, retry: bool, connections: int):
        where = urlsplit(url)
        self._host, self._port = where.hostname, where.port
        self._load, self._retry = load, retry
        self._free = asyncio.Semaphore(connections)
        self._gives_up_at = float("inf")
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def run(self, rate: float, done: threading.Event) -> None:
        started, tasks = time.monotonic(), set()
        while not done.is_set():
            due = int((time.monotonic() - started) * rate)
            while self._load.sent < due:
                self._load.sent += 1
                task = asyncio.create_task(self._apply(self._load.sent))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(min(1 / rate, 0.01))
        self._gives_up_at = time.monotonic() + PATIENCE_SECONDS
        await asyncio.gather(*tasks)
        for _, writer in self._idle:
            writer.close()

    async def _apply(self, number: int) -> None:
        name = uuid4().hex
        features = {**tiny.APPLICATION, "amount": 200.0 + number % 5000}
        body = json.dumps({"features": features, "application_id": name}).encode()
        while True:
            async with self._free:
                answer = await self._post(body)
            self._load.answers.append(answer)
            if answer.status == 200:
                self._load.acknowledged[name] = answer
            if answer.status == 200 or not self._retry or time.monotonic() > self._gives_up_at:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _post(self, body: bytes) -> Answer:
        head = (
            f"POST /api/predict HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await self._connection()
                try:
                    writer.write(head.encode() + body)
                    answer = await _read(reader)
                except BaseException:
                    writer.close()
                    raise
        except (OSError, EOFError, ValueError, TimeoutError):
            return BROKEN
        if answer.headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _read(reader: asyncio.StreamReader) -> Answer:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {}
    for line in lines:
        with suppress(ValueError):
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(status.split()[1]), json.loads(content), headers)
