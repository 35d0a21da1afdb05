"""Loading what flows need."""

import gc
from collections.abc import Iterator

import pytest

from flows.local.inprocess import _collector_paused


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_loaded_is_never_walked_by_the_collector() -> None:
    with _collector_paused():
        assert not gc.isenabled()
        loaded = [{"library": "heavy"}]
    assert gc.isenabled()
    assert not any(each is loaded for each in gc.get_objects())


def test_a_failed_load_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), _collector_paused():
        raise ImportError
    assert gc.isenabled()
