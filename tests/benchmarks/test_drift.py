"""The drift benchmark: what it plants is what it says, and a short run of all of it."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import drift
from benchmarks.__main__ import BENCHMARKS
from benchmarks.benchmark import Options
from benchmarks.drift_pools import (
    Pool,
    draw_sides,
    psi_bins,
    shifted_chances,
    with_bad_rate,
    without_level,
)
from benchmarks.drift_side import Sample, fitted, judged, profiled, profiled_in_parts
from benchmarks.drift_speed import _write
from benchmarks.drift_windows import SHIFTS, Plants, evidently, measure_windows
from benchmarks.report import read_results, render, write_result
from configs.settings import load_settings
from credit.distances import psi

ROWS = 400


@pytest.fixture
def pool() -> Pool:
    draw = np.random.default_rng(4)
    numbers = {name: draw.normal(size=ROWS) for name in ("a", "b", "c")}
    numbers["a"][draw.random(ROWS) < 0.2] = -1.0
    texts = np.array(["car", "home", "boat"], dtype=object)[draw.integers(0, 3, ROWS)]
    importance = {"a": 0.4, "b": 0.3, "c": 0.2, "purpose": 0.1}
    bad = (draw.random(ROWS) < 0.3).astype(np.int8)
    return Pool({**numbers, "purpose": texts}, {"a": (-1.0,)}, importance, bad)


@pytest.mark.parametrize("wanted", [0.1, 0.25])
@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("column", ["a", "b", "purpose"])
def test_a_planted_psi_is_what_was_asked_for(
    pool: Pool, wanted: float, upwards: bool, column: str
) -> None:
    values = pool.columns[column]
    bins = psi_bins(pool.profile(column, values), values)
    chances = shifted_chances(bins, wanted, upwards)
    assert chances.sum() == pytest.approx(1.0)
    # So many rows that the half counts of our PSI do not matter.
    now = np.bincount(bins, weights=chances) * 1e9
    before = np.bincount(bins) / ROWS * 1e9
    assert psi(before, now) == pytest.approx(wanted, abs=1e-6)
    assert (now @ np.arange(len(now)) > before @ np.arange(len(now))) == upwards


def test_a_level_vanishes_and_a_bad_rate_doubles(pool: Pool) -> None:
    texts = pool.columns["purpose"]
    levels, counts = np.unique(texts.astype(str), return_counts=True)
    gone = levels[np.argsort(counts)[-2]]
    assert set(texts[without_level(texts) > 0]) == set(levels) - {gone}
    chances = with_bad_rate(pool.bad, 2.0)
    assert chances.sum() == pytest.approx(1.0)
    assert chances[pool.bad == 1].sum() == pytest.approx(2 * pool.bad.mean())


def test_sides_are_disjoint_where_the_pool_is_large_enough(pool: Pool) -> None:
    reference, window = draw_sides(pool, 200, np.random.default_rng(0))
    assert len(set(reference) | set(window)) == 400
    reference, window = draw_sides(pool, 201, np.random.default_rng(0))
    assert (len(reference), len(window)) == (200, 201)
    assert max(reference) < ROWS
    assert len(set(window)) < 201


def test_every_shift_is_planted_where_it_was_aimed(pool: Pool) -> None:
    clean = pool.rows(np.arange(200))
    planted = Plants(pool).draw(4, clean, np.random.default_rng(0))
    assert planted.keys() == SHIFTS.keys()
    assert [each.column for each in planted.values()] == ["b", "b", "b", "purpose", None]
    assert 5 < np.isnan(planted["missing"].columns["b"]).sum() < 40
    assert planted["prior"].columns.keys() == pool.columns.keys()


def test_evidently_judges_by_its_own_tests(pool: Pool) -> None:
    reference = pool.rows(np.arange(200))
    judge = evidently("tests", ("ks", "chisquare"), reference)
    moved = {**reference, "a": reference["a"] + 5}
    assert judge.found(reference) == dict.fromkeys(reference, False)
    assert judge.said(judge.found(moved), "a") == {
        "tests_any": 1.0,
        "tests_dataset": False,
        "tests_column": 1.0,
    }


def test_windows_are_measured_by_every_judge(pool: Pool) -> None:
    figures = measure_windows(pool, 200, windows=6, beside=1, seed=1)
    assert figures == measure_windows(pool, 200, windows=6, beside=1, seed=1)
    for shift in ("clean", *SHIFTS):
        for judge in ("ours", "defaults_any", "defaults_dataset", "tests_any", "tests_dataset"):
            assert 0 <= figures[f"{shift}_{judge}"] <= 1
    assert figures["clean_ours"] < figures["missing_ours"]


def test_a_file_in_parts_is_the_file_at_once(tmp_path: Path) -> None:
    _write(tmp_path / "reference.parquet", 1, 500, seed=1)
    _write(tmp_path / "window.parquet", 3, 500, seed=2)
    reference = fitted(Sample(tmp_path / "reference.parquet", 1).frame())
    window = Sample(tmp_path / "window.parquet", 3)
    assert len(window.categories) == 9
    assert len(window.columns) == 23
    at_once, in_parts = profiled(reference, window.frame()), profiled_in_parts(reference, window)
    assert judged(reference, in_parts, load_settings().drift).rows == 1500
    for name in reference:
        assert at_once[name].counts.tolist() == in_parts[name].counts.tolist()


@pytest.mark.stack
def test_drift_measures_and_shows_all_of_it(tmp_path: Path) -> None:
    options = Options(tmp_path / "scratch", Console(quiet=True), quick=True)
    result = drift.measure(options, ["german"], [200, 1_000])
    write_result(tmp_path, "drift", result)
    page = render(BENCHMARKS, read_results(tmp_path))
    assert "| 1,000 | PSI 0.25 in a leading column |" in page
    assert "| times faster than SciPy column by column | at least 3.0 |" in page
    drift.BENCHMARK.draw(result, tmp_path / "drift.svg")
    assert (tmp_path / "drift.svg").stat().st_size > 10_000
