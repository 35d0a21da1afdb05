"""The rows of a retraining: the data set's and the ledger's, each with what is known of it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import orjson
import pandas as pd
import pytest
from prefect.logging import disable_run_logger

from configs.settings import load_settings
from credit.splits import in_fixed_order
from credit.validation import validate
from services.ledger import open_ledger
from services.ledger.outcomes import NewOutcome, report_outcomes
from services.ledger.reviews import review
from tasks.assembling import LIMITS, assemble, newest_applications, newly_matured
from tasks.data import CheckedRows
from tests import tiny
from tests.services.deciding import new_decision, store

NOW = datetime(2026, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
LONG_AGO, LATELY, TOO_LATE = NOW - 700 * DAY, NOW - 400 * DAY, NOW - 300 * DAY
TRAINED = NOW - 200 * DAY  # what was decided LATELY has matured since


@pytest.fixture
def settings(tmp_path):
    return load_settings(home=tmp_path, dataset=tiny.SCHEMA.name)


@pytest.fixture
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


@pytest.fixture
def old():
    rows = [
        {
            **tiny.APPLICATION,
            "duration": 10 + row,
            "sex": "f",
            "age": 30,
            "telephone": "1",
            "defaulted": row % 2,
        }
        for row in range(6)
    ]
    checked = validate(pd.DataFrame(rows), tiny.SCHEMA)
    assert checked.rejected.empty
    return CheckedRows(in_fixed_order(checked.rows, tiny.SCHEMA), "sum", 0, 0.0, None)


def decided(ledger, at, duration, decision="approve", bad=None, fields=None):
    """A decision and its outcome, told apart from others by its duration."""
    known = {**tiny.APPLICATION, "duration": duration} if fields is None else fields
    row = new_decision(at=at, decision=decision, payload=orjson.dumps({"fields": known}).decode())
    store(ledger, [row])
    if bad is not None:
        report_outcomes(ledger, [NewOutcome(row.id, bad, at.date())], "servicing")
    return row


def assembled(ledger, old, settings):
    with disable_run_logger():
        return assemble.fn(old, tiny.SCHEMA, ledger, settings, TRAINED, NOW)


def test_matured_decisions_join_the_rows_with_their_outcomes(ledger, old, settings):
    decided(ledger, LONG_AGO, 40, bad=True)
    decided(ledger, LATELY, 41, bad=False)
    decided(ledger, LATELY, 42, bad=True)
    decided(ledger, TOO_LATE, 50, bad=True)  # its horizon has not passed
    decided(ledger, LATELY, 51, decision="decline", bad=True)
    decided(ledger, LATELY, 52)  # nothing is known of it
    found = assembled(ledger, old, settings)
    rows = found.checked.rows
    known = dict(
        zip(rows["duration"], zip(found.labels.bad, found.newest, strict=True), strict=True)
    )
    assert known == {
        **{10.0 + row: (row % 2, False) for row in range(6)},
        40.0: (1, False),
        41.0: (0, True),
        42.0: (1, True),
    }
    assert (found.added, found.set_aside) == (3, 0)
    assert found.labels.matured.all()
    assert not any(column.startswith("creditloop:") for column in rows)
    assert list(rows.columns) == list(old.rows.columns)
    assert rows["applied"].dtype == old.rows["applied"].dtype
    assert found.notes == ("Matured decisions of the ledger among the rows: 3.", LIMITS)
    counted = newly_matured(ledger, tiny.SCHEMA, settings, TRAINED, NOW)
    assert (counted.outcomes, counted.bads) == (2, 1)


def test_what_a_person_approved_counts_too(ledger, old, settings):
    row = decided(ledger, LATELY, 43, decision="review", bad=False)
    review(ledger, row.id, "approve", "a guarantor signed", None)
    assert assembled(ledger, old, settings).added == 1


def test_another_outcome_gives_another_fingerprint(ledger, old, settings):
    alone = assembled(ledger, old, settings).checked.fingerprint
    row = decided(ledger, LATELY, 44, bad=False)
    good = assembled(ledger, old, settings).checked.fingerprint
    assert assembled(ledger, old, settings).checked.fingerprint == good
    report_outcomes(ledger, [NewOutcome(row.id, True, LATELY.date(), "charged off")], "servicing")
    bad = assembled(ledger, old, settings).checked.fingerprint
    assert len({alone, good, bad}) == 3


def test_what_the_spec_refuses_by_now_is_set_aside_and_said(ledger, old, settings):
    decided(ledger, LATELY, 1000, bad=True)  # beyond the range of the spec
    decided(ledger, LATELY, 45, bad=True)
    found = assembled(ledger, old, settings)
    assert (found.added, found.set_aside) == (1, 1)
    assert found.notes[0] == (
        "Matured decisions of the ledger among the rows: 1; 1 more could not be used."
    )


def test_without_decisions_there_are_the_rows_alone(ledger, old, settings):
    """So the same data gives the package that a training gave."""
    found = assembled(ledger, old, settings)
    assert found.checked.fingerprint == old.fingerprint
    pd.testing.assert_frame_equal(found.checked.rows, old.rows)
    assert (found.added, found.notes) == (0, ())
    assert not found.newest.any()


def test_the_newest_window_has_all_applications_approved_or_not(ledger, settings):
    for row in range(200):
        decided(ledger, NOW - DAY / 2, 10 + row % 30, decision=("approve", "decline")[row % 2])
    decided(ledger, NOW - 3 * DAY, 20)
    assert len(newest_applications(ledger, tiny.SCHEMA, settings, NOW)) == 200
    assert newest_applications(ledger, tiny.SCHEMA, settings, NOW - 10 * DAY) is None
