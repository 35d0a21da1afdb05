"""Which decisions have matured, and which of their outcomes count."""

from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.keys import create_key
from services.ledger import Ledger, open_ledger
from services.ledger.matured import read_cases, read_matured
from services.ledger.months import months_after
from services.ledger.outcomes import NewOutcome, report_outcomes
from services.ledger.retention import purge
from services.ledger.reviews import review
from tests.services.deciding import DATASET, decide, new_decision, store

HORIZON = 12
DECIDED = datetime(2024, 3, 31, 12, tzinfo=UTC)
MATURED = datetime(2025, 3, 31, 12, tzinfo=UTC)
DAY = DECIDED.date()
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def matured(ledger: Ledger, now: datetime = MATURED, since: datetime | None = None):
    parts = read_matured(ledger, DATASET, HORIZON, now, since)
    return {case.id: case.bad for part in parts for case in part}


def observe(ledger: Ledger, decision_id, bad: bool, on: date = DAY) -> None:
    report_outcomes(ledger, [NewOutcome(decision_id, bad=bad, observed_on=on)], "ben")


@pytest.mark.parametrize("bad", [True, False])
def test_an_outcome_counts_from_the_end_of_its_horizon_on(ledger, bad):
    id_ = decide(ledger, at=DECIDED, decision="approve")
    observe(ledger, id_, bad)
    assert matured(ledger, MATURED - MOMENT) == {}
    assert matured(ledger) == {id_: bad}
    assert matured(ledger, since=MATURED - MOMENT) == {id_: bad}
    assert matured(ledger, MATURED + timedelta(days=9), since=MATURED) == {}


def test_the_newest_outcome_counts_as_far_as_it_had_been_observed(ledger):
    id_ = decide(ledger, at=DECIDED, decision="approve")
    observe(ledger, id_, False)
    observe(ledger, id_, True, MATURED.date() + timedelta(days=40))
    assert matured(ledger) == {id_: False}
    assert matured(ledger, MATURED + timedelta(days=50)) == {id_: True}


def test_only_what_was_approved_in_the_end_has_an_outcome(ledger):
    key = create_key(ledger, "ana", ("review",)).key
    wanted = {}
    for model, person in (
        ("approve", None),
        ("approve", "decline"),
        ("review", None),
        ("review", "approve"),
        ("decline", None),
        ("decline", "approve"),
    ):
        id_ = decide(ledger, at=DECIDED, decision=model)
        observe(ledger, id_, True)
        if person:
            review(ledger, id_, person, "a reason", key)
        wanted[id_] = (person or model) == "approve"
    assert matured(ledger) == {id_: True for id_, is_approved in wanted.items() if is_approved}
    turned = decide(ledger, at=DECIDED, decision="review")
    observe(ledger, turned, False)
    for verdict in ("approve", "decline"):
        review(ledger, turned, verdict, "a reason", key)
    assert turned not in matured(ledger)


def test_cases_of_a_window_with_and_without_outcomes_and_of_one_data_set(ledger):
    day = timedelta(days=1)
    before, first, last, after = (
        decide(ledger, at=DECIDED + days * day, decision="approve") for days in range(4)
    )
    decide(ledger, at=DECIDED + day, dataset="another")
    observe(ledger, first, True, DECIDED.date())
    window = read_cases(ledger, DATASET, DECIDED, DECIDED + 2 * day)
    assert {case.id: case.bad for part in window for case in part} == {first: True, last: None}
    assert before != after


def test_more_than_a_statement_takes_come_in_parts(ledger):
    rows = [new_decision(at=DECIDED, decision="approve") for _ in range(2500)]
    store(ledger, rows)
    for start in range(0, 2500, 1000):
        some = rows[start : start + 1000]
        report_outcomes(
            ledger, [NewOutcome(row.id, bad=False, observed_on=DECIDED.date()) for row in some], "b"
        )
    parts = list(read_matured(ledger, DATASET, HORIZON, MATURED))
    assert [len(part) for part in parts] == [1000, 1000, 500]
    assert [case.id for part in parts for case in part] == [row.id for row in rows]


def test_a_purged_decision_counts_without_its_fields(ledger):
    id_ = decide(ledger, at=DECIDED, decision="approve")
    observe(ledger, id_, True)
    ((case,),) = read_matured(ledger, DATASET, HORIZON, MATURED)
    assert case.fields == {"amount": 1000}
    purge(ledger, DECIDED + timedelta(days=1), "ana")
    ((case,),) = read_matured(ledger, DATASET, HORIZON, MATURED)
    assert case.fields is None
    assert case.probability == 0.25


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 60))
def test_months_are_those_of_pandas(day, months):
    noon = datetime.combine(day, time(12), UTC)
    assert months_after(noon, months) == pd.Timestamp(noon) + pd.DateOffset(months=months)
