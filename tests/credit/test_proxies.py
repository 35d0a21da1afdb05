"""Proxies are found where they are planted, named, and not found in noise."""

import time

import numpy as np
import pytest

from credit import proxies
from credit.features import FeatureMap, Features, Vocabulary
from credit.groups import NOT_STATED, Groups
from credit.proxies import find_proxies
from credit.spec import Schema

SCHEMA = Schema.model_validate(
    {
        "name": "tiny",
        "bad": {"target": "bad"},
        "columns": {
            "income": {"type": "number"},
            "score": {"type": "number", "special": {-9: "no record"}},
            "job": {"type": "category"},
            "age": {
                "type": "integer",
                "role": "protected",
                "attribute": "age",
                "input_justification": "allowed by the regulation",
            },
        },
        "derived": {"years": {"expression": "age - 18"}, "more": {"expression": "years + income"}},
    }
)
MAP = FeatureMap(SCHEMA, Vocabulary((("nurse", "smith"),)))


def features(count: int, seed: int = 0) -> Features:
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=(count, len(SCHEMA.number_features)))
    numbers[:, 1] = np.where(draw.random(count) < 0.3, -9, numbers[:, 1])
    return Features(numbers, draw.integers(2, 4, (count, 1)))


def test_a_planted_proxy_is_found_and_named_first():
    rows = features(900)
    nurse = rows.codes[:, 0] == 2
    honest = np.random.default_rng(1).random(900) < 0.9
    sex = Groups(("male", "female"), np.where(honest, nurse, ~nurse).astype(np.int64))
    (found,) = find_proxies(rows, MAP, {"sex": sex}, seed=1)
    assert found.auc == pytest.approx(0.9, abs=0.03)
    assert [group.auc for group in found.groups] == pytest.approx([found.auc] * 2, abs=1e-3)
    assert found.inputs[0].name == "job"
    assert found.inputs[0].importance > 0.3
    assert (found.rows, found.folds, found.notes) == (900, 3, ())


def test_a_special_code_is_a_proxy_by_the_name_of_its_column():
    rows = features(600)
    foreign = Groups(("no", "yes"), (rows.numbers[:, 1] == -9).astype(np.int64))
    (found,) = find_proxies(rows, MAP, {"foreign": foreign}, seed=1)
    assert found.auc > 0.99
    assert [one.name for one in found.inputs] == ["score"]


def test_noise_is_no_proxy():
    rows = features(1500)
    codes = np.random.default_rng(2).integers(0, 3, 1500)
    (found,) = find_proxies(rows, MAP, {"sign": Groups(("a", "b", "c"), codes)}, seed=1)
    assert found.auc == pytest.approx(0.5, abs=0.04)


def test_several_groups_are_weighted_by_their_rows():
    rows = features(800)
    codes = np.digitize(rows.numbers[:, 0], [-1.0, 1.5])
    (found,) = find_proxies(rows, MAP, {"band": Groups(("low", "mid", "high"), codes)}, seed=1)
    weights = [group.rows for group in found.groups]
    assert weights == np.bincount(codes).tolist()
    expected = np.average([group.auc for group in found.groups], weights=weights)
    assert found.auc == pytest.approx(expected, abs=1e-12)


def test_the_column_itself_and_what_is_derived_from_it_are_left_out():
    rows = features(600)
    age = Groups(("young", "old"), (rows.numbers[:, 2] > 0).astype(np.int64))
    assert SCHEMA.number_features == ("income", "score", "age", "years", "more")
    rows.numbers[:, 3] = rows.numbers[:, 4] = rows.numbers[:, 2]
    (found,) = find_proxies(rows, MAP, {"age": age}, seed=1)
    assert found.auc == pytest.approx(0.5, abs=0.08)
    assert found.notes == ("Left out as it is the column itself: age, more, years.",)


def test_small_groups_and_missing_values_are_left_out_and_said():
    rows = features(400)
    codes = np.repeat([0, 1, 2, 3], [150, 200, 10, 40])
    groups = Groups(("a", "b", "c", NOT_STATED), codes)
    (found,) = find_proxies(rows, MAP, {"who": groups}, seed=1)
    assert [group.group for group in found.groups] == ["a", "b"]
    assert found.rows == 350
    assert found.notes[0].startswith("50 rows are left out")
    (alone,) = find_proxies(rows[:150], MAP, {"who": groups[:150]}, seed=1)
    assert (alone.auc, alone.inputs) == (None, ())
    assert "nothing to tell apart" in alone.notes[0]


def test_many_rows_are_drawn_with_the_seed(monkeypatch):
    monkeypatch.setattr(proxies, "MOST_ROWS", 500)
    rows = features(2000)
    groups = {"who": Groups(("a", "b"), (rows.numbers[:, 0] > 0).astype(np.int64))}
    one, same = (find_proxies(rows, MAP, groups, seed=3) for _ in range(2))
    assert one == same
    assert one[0].rows == 500
    assert find_proxies(rows, MAP, groups, seed=4) != one


def test_the_work_is_bounded():
    rows = features(20_000)
    codes = np.random.default_rng(2).integers(0, 3, 20_000)
    start = time.process_time()
    find_proxies(rows, MAP, {"who": Groups(("a", "b", "c"), codes)}, seed=1)
    assert time.process_time() - start < 5
