"""Windows of decisions: what they hold, where they begin, and that they do not overlap."""

from datetime import timedelta

import numpy as np
import orjson
import pytest
from sqlalchemy import update
from uuid_utils.compat import uuid7

from configs.settings import load_settings
from services.ledger import Ledger, LedgerError, open_ledger, windows
from services.ledger.reports import DriftReport, add_drift_report
from services.ledger.retention import purge
from services.ledger.tables import decisions
from services.ledger.windows import WindowError, find_window, read_window
from tests.services.deciding import DATASET, NOW, new_decision, store

DIGEST = "ab" * 32
HOUR = timedelta(hours=1)
BY_TIME = load_settings().monitoring
BY_COUNT = BY_TIME.model_copy(update={"window_rows": 3})


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def decide_at(ledger: Ledger, *hours: float, **changes) -> None:
    """A decision some hours before NOW, whose amount is that number."""
    store(
        ledger,
        [
            new_decision(
                at=NOW - each * HOUR,
                payload=orjson.dumps({"fields": {"amount": each}}).decode(),
                **changes,
            )
            for each in hours
        ],
    )


def judged(ledger: Ledger, start, end) -> DriftReport:
    return add_drift_report(
        ledger, DriftReport(uuid7(), end, DATASET, DIGEST, start, end, 0.1, "calm", 0, {})
    )


def amounts(ledger: Ledger, window) -> list[float]:
    return [row["amount"] for part in read_window(ledger, window) for row in part.fields]


def test_a_first_window_by_time_reaches_back_a_day(ledger):
    decide_at(ledger, 30, 24, 23, 1, 0)
    window = find_window(ledger, DATASET, DIGEST, NOW, BY_TIME)
    assert (window.start, window.end, window.rows) == (NOW - 24 * HOUR, NOW, 3)
    assert amounts(ledger, window) == [24, 23, 1]  # the one of this moment is the next one's


def test_a_window_begins_where_the_last_one_ended(ledger):
    decide_at(ledger, 5, 4, 3)
    judged(ledger, NOW - 20 * HOUR, NOW - 4 * HOUR)
    window = find_window(ledger, DATASET, DIGEST, NOW, BY_TIME)
    assert (window.start, amounts(ledger, window)) == (NOW - 4 * HOUR, [4, 3])
    judged(ledger, window.start, window.end)
    later = find_window(ledger, DATASET, DIGEST, NOW + 90 * HOUR, BY_TIME)
    assert (later.start, later.rows) == (NOW + 66 * HOUR, 0)


def test_other_packages_and_data_sets_are_not_in_it(ledger):
    decide_at(ledger, 2)
    decide_at(ledger, 3, digest="cd" * 32)
    decide_at(ledger, 4, dataset="other")
    judged(ledger, NOW - 2 * HOUR, NOW)
    window = find_window(ledger, DATASET, "cd" * 32, NOW, BY_TIME)
    assert amounts(ledger, window) == [3]


def test_a_window_by_count_has_the_newest_since_the_last(ledger):
    decide_at(ledger, 200, 150, 100, 50)
    window = find_window(ledger, DATASET, DIGEST, NOW, BY_COUNT)
    assert (window.start, amounts(ledger, window)) == (NOW - 150 * HOUR, [150, 100, 50])
    judged(ledger, window.start, NOW - 90 * HOUR)
    few = find_window(ledger, DATASET, DIGEST, NOW, BY_COUNT)
    assert (few.start, few.rows) == (NOW - 50 * HOUR, 1)
    judged(ledger, few.start, NOW)
    none = find_window(ledger, DATASET, DIGEST, NOW + HOUR, BY_COUNT)
    assert (none.start, none.end, none.rows) == (NOW, NOW + HOUR, 0)


def test_the_same_time_again_finds_the_same_window_and_its_report(ledger):
    decide_at(ledger, 2, 1)
    window = find_window(ledger, DATASET, DIGEST, NOW, BY_COUNT)
    report = judged(ledger, window.start, window.end)
    again = find_window(ledger, DATASET, DIGEST, NOW, BY_TIME)
    assert (again.start, again.end, again.rows) == (window.start, window.end, 2)
    assert again.report == report


def test_a_time_within_what_is_judged_is_refused(ledger):
    judged(ledger, NOW - 20 * HOUR, NOW)
    with pytest.raises(WindowError, match=r"judged up to 2026-03-01 12:00:00 UTC already, 2026-03"):
        find_window(ledger, DATASET, DIGEST, NOW - HOUR, BY_TIME)


def test_windows_cannot_overlap_whoever_stores_them(ledger):
    judged(ledger, NOW - 20 * HOUR, NOW)
    with pytest.raises(LedgerError, match="was judged up to 2026-03-01 12:00:00 UTC meanwhile"):
        judged(ledger, NOW - 20 * HOUR, NOW + HOUR)
    judged(ledger, NOW, NOW + HOUR)


def test_parts_hold_every_decision_once_in_the_order_of_time(ledger, monkeypatch):
    monkeypatch.setattr(windows, "PART", 3)
    hours = [5, 4, 4, 4, 4, 4, 2, 1]
    decide_at(ledger, *reversed(hours))
    parts = list(read_window(ledger, find_window(ledger, DATASET, DIGEST, NOW, BY_TIME)))
    assert [len(part.fields) for part in parts] == [3, 3, 2]
    assert [row["amount"] for part in parts for row in part.fields] == hours
    assert all(np.array_equal(part.probability, [0.25] * len(part.fields)) for part in parts)
    assert {said for part in parts for said in part.decision} == {"review"}


def test_what_cannot_be_read_is_named_and_left_out(ledger):
    decide_at(ledger, 3, 2, 1)
    with ledger.writing() as connection:
        for hours, payload in ((3, "{"), (2, '{"fields": 7}')):
            at = decisions.c.at == NOW - hours * HOUR
            connection.execute(update(decisions).where(at).values(payload=payload))
    (part,) = read_window(ledger, find_window(ledger, DATASET, DIGEST, NOW, BY_TIME))
    assert part.fields == [{"amount": 1}]
    assert len(part.unreadable) == 2
    assert len(part.probability) == len(part.decision) == 1


def test_purged_decisions_are_in_no_window(ledger):
    decide_at(ledger, 3, 1)
    purge(ledger, NOW - 2 * HOUR, "ana")
    window = find_window(ledger, DATASET, DIGEST, NOW, BY_TIME)
    assert (window.rows, amounts(ledger, window)) == (1, [1])
