"""The reference: by hand, as bytes, parts that add up, and columns that cannot be counted."""

import json
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import load_settings
from credit.baseline import Baseline
from credit.features import Applications
from credit.intervals import Interval
from credit.package import MANIFEST, Package, PackageError, canonical_json, sha256
from credit.policy import DECISIONS
from credit.profiles import NumberProfile
from credit.reference import Reference, columns_of, drift
from tests import tiny

PLAN = load_settings().drift
BASELINE = Baseline(rows=10, metrics={"accuracy": Interval(0.1 + 0.2, 1e-300, 1.0)})


def arrays(rows: int, seed: int, moved: float = 0.0):
    """Columns of the tiny schema, and what a champion might have said of them."""
    columns = columns_of(tiny.applications(rows, seed), tiny.SCHEMA)
    draw = np.random.default_rng(seed)
    probability = np.round(draw.beta(2, 8, rows) ** (1 / (1 + moved)), 6)
    decisions = np.array(DECISIONS, dtype=object)[np.searchsorted([0.2, 0.4], probability)]
    columns = {**columns, "amount": columns["amount"] + 150 * moved}
    return columns, probability, decisions


def fitted(columns, probability, decisions, importance=None) -> Reference:
    return Reference.fit(
        columns,
        tiny.SCHEMA,
        probability,
        decisions,
        importance=importance or {},
        baseline=BASELINE,
        threshold=0.4,
    )


def same(one, other) -> bool:
    """Whether two windows hold the same; sums of values may differ in their last bits."""
    pairs = [(one.probability, other.probability)]
    pairs += [(one.columns[name], other.columns[name]) for name in one.columns]
    for left, right in pairs:
        assert left.counts.tolist() == right.counts.tolist()
        if isinstance(left, NumberProfile):
            assert left.sums == pytest.approx(right.sums)
            assert left.squares == pytest.approx(right.squares)
            assert (left.lowest, left.highest) == (right.lowest, right.highest)
        else:
            assert left.new == right.new
    return (one.rows, one.decisions, one.faults) == (other.rows, other.decisions, other.faults)


def test_by_hand():
    columns = columns_of(
        Applications(
            # duration, amount, bureau score, applied, opened
            np.array([[12, 500.0, -9, 19_000, 18_000], [24, np.nan, 700, 19_000, np.nan]]),
            np.array([["1", "car"], ["2", ""]], dtype=object),
        ),
        tiny.SCHEMA,
    )
    found = Reference.fit(
        columns,
        tiny.SCHEMA,
        np.array([0.1, 0.3, 0.5]),
        np.array(["approve", "review", "decline"], dtype=object),
        importance={"amount": 1.0},
        baseline=None,
        threshold=0.4,
    )
    assert (found.rows, found.probability.rows) == (2, 3)
    assert found.decisions == {"approve": 1, "review": 1, "decline": 1}
    assert list(found.columns) == [
        *("duration", "amount", "bureau score", "months_known"),
        *("status", "purpose"),
    ]
    # missing, -9, -8, below 700, 700, above
    assert found.columns["bureau score"].counts.tolist() == [0, 1, 0, 0, 1, 0]
    assert found.columns["amount"].missing == found.columns["months_known"].missing == 1
    # rare or new, missing, car
    assert found.columns["purpose"].counts.tolist() == [0, 1, 1]


def test_it_is_read_as_it_was_written():
    found = fitted(*arrays(300, seed=1), importance={"amount": 1 / 3, "purpose": 0.1 + 0.2})
    content = found.to_json()
    again = Reference.from_json(content)
    assert again.to_json() == content == found.to_json()
    assert same(again.window(*arrays(50, seed=2)), found.window(*arrays(50, seed=2)))
    assert again.importance == found.importance
    assert again.baseline == BASELINE
    assert list(again.columns) == list(found.columns)


numbers = st.lists(
    st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([-9.0, -8.0]), min_size=1
)
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1)


@given(numbers, texts)
def test_any_number_and_any_text_is_read_as_it_was_written(values, levels):
    rows = max(len(values), len(levels))
    columns, probability, decisions = arrays(rows, seed=0)
    columns = {
        **columns,
        "bureau score": np.resize(np.array(values, dtype=float), rows),
        "purpose": np.resize(np.array(levels, dtype=object), rows),
    }
    with np.errstate(invalid="ignore", over="ignore"):
        found = fitted(columns, probability, decisions)
    again = Reference.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    for name, profile in found.columns.items():
        assert again.columns[name].counts.tolist() == profile.counts.tolist()
    number, copy = found.columns["bureau score"], again.columns["bureau score"]
    assert copy.grid.fine.tolist() == number.grid.fine.tolist()
    assert copy.sums.tolist() == number.sums.tolist()
    assert (copy.lowest, copy.highest, copy.origin) == (
        number.lowest,
        number.highest,
        number.origin,
    )
    assert again.columns["purpose"].known == found.columns["purpose"].known


@given(st.integers(0, 400), st.lists(st.integers(0, 300), max_size=4), st.integers(0, 9))
def test_parts_of_a_window_add_up_to_the_whole_and_are_judged_alike(rows, cuts, seed):
    reference = fitted(*arrays(200, seed=11))
    columns, probability, decisions = arrays(rows, seed, moved=0.5)
    bounds = [0, *sorted(min(cut, rows) for cut in cuts), rows]
    parts = [
        reference.window(
            {name: values[start:stop] for name, values in columns.items()},
            probability[start:stop],
            decisions[start:stop],
        )
        for start, stop in pairwise(bounds)
    ]
    whole, added = reference.window(columns, probability, decisions), reduce(add, parts)
    assert same(added, whole)
    expected, found = (drift(reference, window, PLAN) for window in (whole, added))
    assert (found.score, found.level, found.drifted) == (
        expected.score,
        expected.level,
        expected.drifted,
    )
    assert [each.shift.psi for each in found.columns] == [
        each.shift.psi for each in expected.columns
    ]


@given(st.integers(1, 300), st.randoms(use_true_random=False))
def test_the_reference_itself_has_not_moved_in_whatever_order(rows, random):
    columns, probability, decisions = arrays(rows, seed=5)
    reference = fitted(columns, probability, decisions)
    order = list(range(rows))
    random.shuffle(order)
    shuffled = {name: values[order] for name, values in columns.items()}
    found = drift(reference, reference.window(shuffled, probability[order], decisions[order]), PLAN)
    assert (found.score, found.level, found.drifted) == (0.0, "calm", 0)
    assert [each.shift.score for each in found.columns] == [0.0] * len(columns)
    assert found.probability.score == found.decisions.score == 0.0


def test_score_and_decisions_are_compared_and_do_not_count_as_columns():
    reference = fitted(*arrays(2000, seed=1))
    columns, *_ = arrays(1000, seed=2)
    _, probability, decisions = arrays(1000, seed=2, moved=1.0)
    found = drift(reference, reference.window(columns, probability, decisions), PLAN)
    assert (found.level, found.drifted) == ("calm", 0)
    assert found.probability.score > 0.7
    assert found.decisions.score > 0.5
    assert found.decisions.test == "chi-square"
    assert {each.shift.name for each in found.columns} == set(columns)


def test_a_column_that_has_moved_is_the_worst():
    reference = fitted(*arrays(2000, seed=1), importance={"amount": 0.6, "status": 0.4})
    found = drift(reference, reference.window(*arrays(1000, seed=2, moved=1.0)), PLAN)
    assert found.columns[0].shift.name == "amount"
    assert found.columns[0].importance == 0.6
    assert (found.rows, found.reference_rows, found.level) == (1000, 2000, "critical")


BROKEN = {
    "lost": (None, "the window has no such column"),
    "short": (np.ones(3), "it has the shape (3,), expected 100 rows"),
    "a table": (np.ones((100, 2)), "it has the shape (100, 2), expected 100 rows"),
    "texts": (np.array(["secret"] * 100, dtype=object), "it holds object, expected numbers"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_column_is_named_and_the_others_are_judged(name):
    values, fault = BROKEN[name]
    reference = fitted(*arrays(2000, seed=1))
    columns, *said = arrays(100, seed=2)
    columns = {**columns, "amount": values}
    broken = reference.window({n: v for n, v in columns.items() if v is not None}, *said)
    assert broken.faults == {"amount": fault}
    later = broken + reference.window(*arrays(100, seed=3))
    assert later.faults == broken.faults
    assert later.rows == 200
    assert (reference.window(*arrays(100, seed=3)) + broken).faults == broken.faults
    found = drift(reference, later, PLAN)
    assert found.faults == {"amount": fault}
    assert {each.shift.name for each in found.columns} == set(columns) - {"amount"}
    assert found.level == "calm"


def test_a_category_that_came_as_numbers_is_a_fault():
    reference = fitted(*arrays(100, seed=1))
    columns, *said = arrays(10, seed=2)
    found = reference.window({**columns, "purpose": np.ones(10)}, *said)
    assert found.faults == {"purpose": "it holds float64, expected texts"}


def test_a_column_that_the_reference_does_not_know_is_left_out():
    reference = fitted(*arrays(100, seed=1))
    columns, *said = arrays(10, seed=2)
    found = reference.window({**columns, "shoe size": np.ones(10)}, *said)
    assert set(found.columns) == set(columns)
    assert found.faults == {}


def test_a_window_without_applications_is_calm():
    reference = fitted(*arrays(100, seed=1))
    found = drift(reference, reference.window(*arrays(0, seed=2)), PLAN)
    assert (found.rows, found.score, found.level) == (0, 0.0, "calm")


def test_a_reference_without_applications_is_refused():
    with pytest.raises(ValueError, match="a reference needs applications"):
        fitted(*arrays(0, seed=1))


# In a package ------------------------------------------------------------------------------------


def test_a_package_carries_it_and_the_same_gives_the_same_digest():
    package = tiny.package()
    assert package.reference.to_json() == package.files["reference.json"]
    assert package.digest == tiny.package().digest
    assert package.reference.threshold == tiny.POLICY.decline_above
    window = package.reference.window(*arrays(300, seed=4))
    assert drift(package.reference, window, PLAN).rows == 300


def test_another_reference_is_another_package():
    package = tiny.package()
    moved = replace(package.reference, rows=package.reference.rows + 1)
    files = {**package.files, "reference.json": moved.to_json()}
    with pytest.raises(PackageError, match=r"reference\.json does not match its sha256"):
        Package.from_files(files, package.digest)


def test_a_package_with_an_unreadable_reference_says_so():
    files = dict(tiny.package().files) | {"reference.json": b"{}"}
    manifest = json.loads(files[MANIFEST])
    manifest["files"]["reference.json"] = sha256(b"{}")
    package = Package.from_files(files | {MANIFEST: canonical_json(manifest)})
    with pytest.raises(PackageError, match=r"^reference\.json: Field required; fetch the package"):
        _ = package.reference


def test_an_older_format_is_refused_with_what_to_do():
    files = dict(tiny.package().files)
    manifest = json.loads(files[MANIFEST]) | {"format": 2}
    with pytest.raises(PackageError) as caught:
        Package.from_files(files | {MANIFEST: canonical_json(manifest)})
    assert str(caught.value) == (
        "MANIFEST.json: format: Input should be 3; this version reads format 3, so train again"
    )
