"""Evidently's page: columns that it cannot take do not keep it from being drawn."""

import stat
from contextlib import closing
from datetime import timedelta

import numpy as np
import pytest

from credit.profiles import CategoryProfile, NumberProfile
from services.ledger import open_ledger
from tasks.monitoring import pages
from tasks.monitoring.drift import check_window
from tasks.monitoring.pages import draw_page, frames, rebuilt, spread
from tests import tiny
from tests.services.conftest import settings_in
from tests.services.deciding import NOW
from tests.traffic import decide_on


def test_rebuilt_values_fill_the_bins_as_the_reference_does():
    values = np.array([np.nan, -9.0, *np.arange(98.0)])
    profile = NumberProfile.fit(values, (-9.0,))
    again = profile.of(rebuilt(profile, 100))
    assert np.array_equal(again.counts, profile.counts)
    assert again.mean == pytest.approx(profile.mean)
    texts = np.array(["a"] * 60 + ["b"] * 30 + [""] * 10, dtype=object)
    shown = rebuilt(CategoryProfile.fit(texts), 10)
    assert shown.tolist() == ["(missing)", *["a"] * 6, *["b"] * 3]


def test_spread_gives_as_many_as_asked_for():
    for rows in (1, 7, 100):
        assert len(spread(np.arange(3.0), np.array([1.0, 1.0, 1.0]), rows)) == rows
    assert np.isnan(spread(np.arange(2.0), np.zeros(2), 3)).all()


def test_columns_that_evidently_cannot_take_are_cleaned_or_left_out():
    reference = tiny.reference()
    rows = 50
    sample = {name: np.full(rows, np.nan) for name in tiny.SCHEMA.number_features}
    sample["amount"] = np.where(np.arange(rows) % 2, np.inf, 500.0)
    sample["purpose"] = np.array(["", "car", "yacht", "home", "car"] * 10, dtype=object)
    sample["status"] = np.array(["1"] * rows, dtype=object)
    before, now = frames(reference, sample)
    assert list(before) == list(now)
    assert set(before) == {"amount", "purpose", "status"}
    assert now["amount"].isna().sum() == 25
    assert set(now["purpose"]) == {"(missing)", "car", "home", "(rare or new)"}


def test_a_page_is_drawn_for_its_owner_and_old_ones_go(tmp_path, monkeypatch):
    settings, package = settings_in(tmp_path), tiny.package()
    monkeypatch.setattr(pages, "PAGES_KEPT", 2)
    folder = tmp_path / "monitoring" / tiny.SCHEMA.name
    folder.mkdir(parents=True)
    for day in ("2020-01-01", "2020-01-02"):
        (folder / f"{day}T020000Z-0.html").touch()
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        decide_on(ledger, package, tiny.applications(100, 1), NOW - timedelta(hours=1))
    path = draw_page.fn(check_window.fn(package, NOW, settings), package.reference, settings)
    assert path == folder / f"2026-03-01T120000Z-{package.digest[:12]}.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_text()
    assert "months_known" in content
    assert "<html" in content
    assert "Dataset drift detection threshold is 0.3" in content
    assert [kept.name for kept in sorted(folder.iterdir())] == [
        "2020-01-02T020000Z-0.html",
        path.name,
    ]


def test_nothing_is_drawn_of_nothing(tmp_path):
    settings, package = settings_in(tmp_path), tiny.package()
    check = check_window.fn(package, NOW, settings)
    assert draw_page.fn(check, package.reference, settings) is None
