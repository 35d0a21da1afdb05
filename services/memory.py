"""When Python looks for garbage cycles: by plan, not in the middle of a request.

The automatic collector walks the whole heap, of which libraries and the model are by far the
most, and stops every request for as long. Here what is there after the start is set aside
(frozen), so that a collection only walks what came since.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil

TICK_SECONDS = 1.0
MOST_BUSY = 0.2  # of one core: below it the process counts as idle
LONGEST_WAIT_SECONDS = 60.0
MOST_GROWTH_BYTES = 32 << 20


class MemoryPlan:
    """Decides at each tick whether the youngest objects are collected, or all that came since."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._now = self._collected_at = self._used = 0.0
        self._size = 0
        self.settle()

    def settle(self) -> None:
        """Collect everything, and set aside what is left; after the start and after a swap."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._note()

    def tick(self) -> None:
        """Collect the youngest objects; all of them when idle, or when it cannot wait."""
        now, used = time.monotonic(), time.process_time()
        busy = (used - self._used) / max(now - self._now, 1e-9)
        self._now, self._used = now, used
        overdue = now - self._collected_at >= LONGEST_WAIT_SECONDS
        if busy < MOST_BUSY or overdue or self._resident() - self._size >= MOST_GROWTH_BYTES:
            gc.collect()
            self._note()
        else:
            gc.collect(0)

    def _note(self) -> None:
        self._now = self._collected_at = time.monotonic()
        self._used = time.process_time()
        self._size = self._resident()

    def _resident(self) -> int:
        return int(self._process.memory_info().rss)


@asynccontextmanager
async def planned_collections() -> AsyncIterator[MemoryPlan]:
    """Collections by plan in place of automatic ones, for as long as the block runs."""
    gc.disable()
    plan = MemoryPlan()
    ticking = asyncio.create_task(_tick(plan))
    try:
        yield plan
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        gc.unfreeze()
        gc.enable()


async def _tick(plan: MemoryPlan) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        plan.tick()
