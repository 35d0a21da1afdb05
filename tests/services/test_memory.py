"""Garbage is found by plan: cycles go, what was there at the start is set aside."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from services import memory
from services.memory import MemoryPlan, planned_collections


class Node:
    """Refers to itself, so that counting references never frees it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def automatic_again() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def garbage() -> "weakref.ref[Node]":
    return weakref.ref(Node())


def test_the_automatic_collector_rests_while_the_plan_runs():
    async def run() -> None:
        async with planned_collections():
            assert not gc.isenabled()
            assert gc.get_freeze_count() > 0

    asyncio.run(run())
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_tick_frees_a_cycle(monkeypatch: pytest.MonkeyPatch):
    gc.disable()
    plan = MemoryPlan()
    for busy in (0.0, 2.0):  # always busy, never busy
        monkeypatch.setattr(memory, "MOST_BUSY", busy)
        lost = garbage()
        plan.tick()
        assert lost() is None


def test_an_older_cycle_goes_when_the_process_is_idle(monkeypatch: pytest.MonkeyPatch):
    gc.disable()
    plan = MemoryPlan()
    node = Node()
    lost = weakref.ref(node)
    monkeypatch.setattr(memory, "MOST_BUSY", 0.0)
    plan.tick()
    del node
    plan.tick()
    assert lost() is not None, "a collection of the youngest walked older objects"
    monkeypatch.setattr(memory, "MOST_BUSY", float("inf"))
    plan.tick()
    assert lost() is None


@pytest.mark.parametrize("limit", ["LONGEST_WAIT_SECONDS", "MOST_GROWTH_BYTES"])
def test_a_busy_process_collects_all_when_it_waited_long_or_grew(
    limit: str, monkeypatch: pytest.MonkeyPatch
):
    gc.disable()
    plan = MemoryPlan()
    monkeypatch.setattr(memory, "MOST_BUSY", 0.0)
    node = Node()
    lost = weakref.ref(node)
    plan.tick()
    del node
    monkeypatch.setattr(memory, limit, float("-inf"))
    plan.tick()
    assert lost() is None


def test_settling_lets_go_of_cycles_that_were_set_aside():
    gc.disable()
    node = Node()
    plan = MemoryPlan()
    lost = weakref.ref(node)
    del node
    plan.tick()
    assert lost() is not None, "it was set aside"
    plan.settle()
    assert lost() is None
