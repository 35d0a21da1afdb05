"""What monitoring found, as the ledger keeps it."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from services.ledger import Ledger, database, open_ledger
from services.ledger.reports import (
    DriftReport,
    PerformanceReport,
    add_drift_report,
    add_performance_report,
    drift_history,
    newest_drift_report,
    newest_performance_report,
    performance_history,
)
from tests.services.deciding import NOW


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def drift_report(at, dataset="tiny-credit", digest="ab" * 32, **changes):
    values = {"score": 0.1, "level": "calm", "drifted_features": 2, "report": {"day": at.day}}
    day = timedelta(days=1)
    return DriftReport(uuid7(), at, dataset, digest, at - day, at, **values | changes)


def performance_report(at, **changes):
    values = {"accuracy": None, "auc": 0.77, "report": {"n": 9}}
    day = timedelta(days=1)
    return PerformanceReport(
        uuid7(), at, "tiny-credit", "ab" * 32, at - day, at, **values | changes
    )


def test_the_newest_report_of_a_data_set_is_found(ledger):
    assert newest_drift_report(ledger, "tiny-credit") is None
    assert newest_performance_report(ledger, "tiny-credit") is None
    drifts = [
        drift_report(NOW + timedelta(days=day), dataset)
        for day, dataset in ((1, "tiny-credit"), (0, "tiny-credit"), (2, "other"))
    ]
    for drift in drifts:
        assert add_drift_report(ledger, drift) == drift
    assert newest_drift_report(ledger, "tiny-credit") == drifts[0]
    assert newest_drift_report(ledger, "tiny-credit", "cd" * 32) is None
    performance = performance_report(NOW)
    add_performance_report(ledger, performance)
    assert newest_performance_report(ledger, "tiny-credit") == performance


def test_a_window_has_one_report_of_a_package(ledger):
    first = add_drift_report(ledger, drift_report(NOW))
    again = add_drift_report(ledger, drift_report(NOW, score=0.9, level="critical"))
    other = add_drift_report(ledger, drift_report(NOW, digest="cd" * 32))
    assert again == first
    assert drift_history(ledger, "tiny-credit", NOW) == [first, other]
    measured = add_performance_report(ledger, performance_report(NOW))
    assert add_performance_report(ledger, performance_report(NOW, auc=0.5)) == measured
    assert performance_history(ledger, "tiny-credit", NOW) == [measured]


def test_the_reports_since_a_time_come_oldest_first(ledger):
    days = [NOW + timedelta(days=day) for day in (2, 0, 1)]
    for day in days:
        add_drift_report(ledger, drift_report(day))
    history = drift_history(ledger, "tiny-credit", NOW + timedelta(days=1))
    assert [report.at for report in history] == [days[2], days[0]]
    assert drift_history(ledger, "tiny-credit", NOW, "cd" * 32) == []


def test_reports_of_before_their_windows_were_kept_stay(tmp_path):
    engine = database.connect(f"sqlite:///{tmp_path / 'ledger.db'}")
    database.upgrade(engine, "0003")
    with database.writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO drift_reports (id, at, dataset, digest, score, drifted_features, "
                "report) VALUES ('0', '2026-03-01 12:00:00', 'tiny-credit', 'ab', 0.8, 3, '{}')"
            )
        )
    database.upgrade(engine)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM drift_reports")).mappings().one()
    assert row["window_start"] == row["window_end"] == row["at"]
    assert (row["score"], row["level"]) == (0.8, "critical")
