"""Judging windows of stored decisions: what is stored, what is not, and what breaks nothing."""

from contextlib import closing
from datetime import timedelta

import numpy as np
import orjson
import pytest
from sqlalchemy import update

from credit.decisions import Decider
from credit.features import Applications
from credit.scoring import Scorer
from services.ledger import LedgerError, open_ledger
from services.ledger.decisions import find_decision
from services.ledger.reports import drift_history
from services.ledger.tables import decisions
from services.ledger.windows import find_window
from tasks.monitoring import windows
from tasks.monitoring.drift import check_window
from tasks.monitoring.windows import observe, read_columns
from tests import tiny
from tests.services.conftest import settings_in
from tests.services.deciding import DATASET, NOW
from tests.traffic import decide_on, fields_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AMOUNT = tiny.SCHEMA.number_fields.index("amount")


@pytest.fixture(scope="module")
def package():
    return tiny.package()


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


@pytest.fixture
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


def shifted(rows: int, seed: int, amount: float = 400) -> Applications:
    """Applications for larger amounts."""
    drawn = tiny.applications(rows, seed)
    numbers = drawn.numbers.copy()
    numbers[:, AMOUNT] += amount
    return Applications(numbers, drawn.categories)


def change_field(ledger, id_, name, value):
    payload = orjson.loads(find_decision(ledger, id_).payload)
    payload["fields"][name] = value
    with ledger.writing() as connection:
        row = decisions.c.id == id_
        connection.execute(
            update(decisions).where(row).values(payload=orjson.dumps(payload).decode())
        )


def test_what_is_normal_is_calm_and_stored(ledger, package, settings):
    decide_on(ledger, package, tiny.applications(300, 1), NOW - HOUR)
    check = check_window.fn(package, NOW, settings)
    assert (check.level, check.alert, check.before) == ("calm", "calm", "calm")
    assert check.drift.rows == 300
    assert check.drift.drifted == 0
    assert drift_history(ledger, DATASET, NOW) == [check.report]
    assert (check.report.window_start, check.report.window_end) == (NOW - DAY, NOW)
    assert check.report.report["drift"] == check.drift.model_dump(mode="json")


def test_a_shift_is_found_and_stays_until_it_is_over(ledger, package, settings):
    for day, applications in enumerate((shifted(300, 1), shifted(300, 2), tiny.applications(300))):
        decide_on(ledger, package, applications, NOW + day * DAY - HOUR)
    checks = [check_window.fn(package, NOW + day * DAY, settings) for day in range(3)]
    assert [check.level for check in checks] == ["critical", "critical", "calm"]
    assert [check.alert for check in checks] == ["critical", "critical", "calm"]
    assert [check.before for check in checks] == ["calm", "critical", "critical"]
    worst = checks[0].drift.columns[0]
    assert (worst.shift.name, worst.has_drifted) == ("amount", True)
    assert worst.shift.mean.change == pytest.approx(400, abs=30)


def test_a_check_that_is_run_again_finds_what_is_stored(ledger, package, settings):
    decide_on(ledger, package, shifted(300, 1), NOW - HOUR)
    first = check_window.fn(package, NOW, settings)
    decide_on(ledger, package, tiny.applications(300, 2), NOW - 2 * HOUR)  # it came late
    again = check_window.fn(package, NOW, settings)
    assert again.report == first.report
    assert again.drift == first.drift
    assert len(drift_history(ledger, DATASET, NOW)) == 1


def test_too_few_stay_for_the_next_check(ledger, package, settings):
    fewest = settings.drift.fewest_rows
    decide_on(ledger, package, shifted(fewest - 1, 1), NOW - HOUR)
    few = check_window.fn(package, NOW, settings)
    assert (few.report, few.level, few.fewest_rows) == (None, "calm", fewest)
    assert few.drift.rows == fewest - 1
    assert drift_history(ledger, DATASET, NOW) == []
    decide_on(ledger, package, shifted(300, 2), NOW + HOUR)
    check = check_window.fn(package, NOW + 2 * HOUR, settings)
    assert check.drift.rows == fewest - 1 + 300
    assert check.level == "critical"


def test_no_decisions_at_all_are_calm(package, settings):
    check = check_window.fn(package, NOW, settings)
    assert (check.report, check.level, check.drift.rows, check.problems) == (None, "calm", 0, ())


def test_one_broken_column_does_not_kill_the_report(ledger, package, settings):
    ids = decide_on(ledger, package, shifted(300, 1), NOW - HOUR)
    change_field(ledger, ids[7], "opened", "the day before")
    change_field(ledger, ids[8], "bureau score", "good")
    check = check_window.fn(package, NOW, settings)
    assert check.level == "critical"  # by the amount, which is judged all the same
    names = [column.shift.name for column in check.drift.columns]
    assert {"bureau score", "months_known"}.isdisjoint(names)
    assert "amount" in names
    assert check.problems == (
        "column bureau score could not be judged: it has values that are no number",
        "column months_known could not be judged: it is derived from opened, which cannot be read",
    )
    assert check.report.report["problems"] == list(check.problems)


def test_a_decision_that_cannot_be_read_is_named(ledger, package, settings):
    ids = decide_on(ledger, package, tiny.applications(300, 1), NOW - HOUR)
    with ledger.writing() as connection:
        connection.execute(update(decisions).where(decisions.c.id == ids[0]).values(payload="{"))
    check = check_window.fn(package, NOW, settings)
    assert check.drift.rows == 299
    (problem,) = check.problems
    assert problem == f"1 decisions cannot be read, as {ids[0]}; `creditloop verify ID` says why"


def test_a_window_in_parts_is_the_window_in_one(ledger, package, settings, monkeypatch):
    decide_on(ledger, package, shifted(100, 1), NOW - HOUR)
    window = find_window(ledger, DATASET, package.digest, NOW, settings.monitoring)
    whole = check_window.fn(package, NOW, settings)
    monkeypatch.setattr("services.ledger.windows.PART", 7)
    monkeypatch.setattr(windows, "SAMPLED", 20)
    observed = observe(ledger, package, window)
    parts = package.reference.window(*_columns(package, shifted(100, 1)))
    assert observed.counted.rows == parts.rows == whole.drift.rows == 100
    for name, profile in parts.columns.items():
        assert np.array_equal(observed.counted.columns[name].counts, profile.counts)
    assert observed.counted.decisions == parts.decisions
    assert {len(values) for values in observed.sample.values()} == {29}  # 2 of each 7, 1 of 2


def _columns(package, applications):
    probability = Scorer(package.schema, package.graph).probabilities(applications)
    columns, faults = read_columns(fields_of(applications, package.schema), package.schema)
    assert faults == {}
    decided = Decider(package.schema, package.policy)(applications, probability)
    return columns, probability, decided.decision


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("amount", "much", "it has values that are no number"),
        ("amount", [1], "it has values that are no number"),
        ("months_known", "", None),
    ],
)
def test_columns_that_cannot_be_read(name, value, why):
    fields = [{**tiny.APPLICATION, "status": "2"} for _ in range(3)]
    fields[1] = {**fields[1], name: value}
    columns, faults = read_columns(fields, tiny.SCHEMA)
    assert faults.get(name) == why
    assert (name in columns) == (why is None)


def test_a_later_window_is_not_judged_twice(ledger, package, settings):
    decide_on(ledger, package, tiny.applications(300, 1), NOW - HOUR)
    check_window.fn(package, NOW, settings)
    with pytest.raises(LedgerError, match="name a later time"):
        check_window.fn(package, NOW - HOUR, settings)
