"""The exploration by hand, and on a data set that has everything."""

import numpy as np
import pytest

from credit.exploration import Exploration, explore, information_value
from credit.features import FeatureMap, Features, Vocabulary
from credit.spec import Schema
from tests import awkward

SCHEMA = Schema.model_validate(
    {
        "name": "tiny",
        "bad": {"target": "bad"},
        "columns": {
            "delay": {
                "type": "integer",
                "unit": "months",
                "description": "Longest delay",
                "special": {-9: "no record"},
            },
            "home": {"type": "category", "levels": {"own": "owned", "rent": "rented"}},
        },
        "derived": {"twice": {"expression": "2 * delay", "unit": "months"}},
    }
)


@pytest.fixture(scope="module")
def tiny():
    """40 rows: 4 missing, 4 with a special code, 16 with delay 0 (2 bad), 16 with 3 (12 bad)."""
    delay = np.repeat([np.nan, -9.0, 0.0, 3.0], [4, 4, 16, 16])
    bad = np.repeat([1, 0, 1, 0, 1, 0], [4, 4, 2, 14, 12, 4]).astype(np.int8)
    home = np.repeat([2, 3], [10, 30])
    derived = 2 * np.where(delay == -9, np.nan, delay)
    features = Features(np.column_stack([delay, derived]), home[:, np.newaxis])
    feature_map = FeatureMap(SCHEMA, Vocabulary((("own", "rent"),)))
    return {each.name: each for each in explore(feature_map, features, bad).columns}


def test_a_number_by_hand(tiny):
    delay = tiny["delay"]
    assert (delay.kind, delay.unit, delay.description) == ("integer", "months", "Longest delay")
    assert delay.missing == 0.1
    assert [(code.code, code.meaning, code.share) for code in delay.special] == [
        (-9.0, "no record", 0.1)
    ]
    assert delay.distinct == 3
    assert delay.quantiles == {
        "min": 0.0,
        "1%": 0.0,
        "5%": 0.0,
        "25%": 0.0,
        "50%": 0.0,
        "75%": 3.0,
        "95%": 3.0,
        "99%": 3.0,
        "max": 3.0,
    }
    assert (delay.mean, delay.deviation) == (1.5, 1.5)
    assert [(each.label, each.rows, each.bads, each.bad_rate) for each in delay.bins] == [
        ("missing", 4, 4, 1.0),
        ("no record (-9)", 4, 0, 0.0),
        ("below 3", 16, 2, 0.125),
        ("3 or more", 16, 12, 0.75),
    ]


def test_evidence_and_information_by_hand(tiny):
    # 18 bads and 22 goods; half a count added to each of four bins.
    bad_share = np.array([4.5, 0.5, 2.5, 12.5]) / 20
    good_share = np.array([0.5, 4.5, 14.5, 4.5]) / 24
    evidence = np.log(bad_share / good_share)
    assert [each.evidence for each in tiny["delay"].bins] == pytest.approx(evidence.tolist())
    assert tiny["delay"].information_value == pytest.approx((bad_share - good_share) @ evidence)


def test_a_category_by_hand(tiny):
    home = tiny["home"]
    assert (home.kind, home.quantiles, home.mean, home.distinct) == ("category", {}, None, 2)
    assert [(each.label, each.rows, each.share, each.bads) for each in home.bins] == [
        ("owned", 10, 0.25, 6),
        ("rented", 30, 0.75, 12),
    ]


def test_special_codes_of_an_operand_are_missing_in_a_derived_column(tiny):
    twice = tiny["twice"]
    assert (twice.kind, twice.unit, twice.missing, twice.special) == ("derived", "months", 0.2, ())


def test_information_is_never_negative():
    draw = np.random.default_rng(0)
    for _ in range(200):
        assert information_value(*draw.integers(0, 50, (2, 6)).astype(float)) >= 0


def test_every_column_of_an_awkward_data_set():
    development = awkward.development()
    train = development.train
    found = explore(development.feature_map, train.features, train.bad)
    layout = development.feature_map.layout
    assert {each.name for each in found.columns} == {
        feature.name for feature in (*layout.numbers, *layout.categories)
    }
    values = [each.information_value for each in found.columns]
    assert values == sorted(values, reverse=True)
    by_name = {each.name: each for each in found.columns}
    assert by_name["constant"].information_value == 0.0
    assert {found.columns[0].name, found.columns[1].name} <= {"income", "delay", "worst"}
    for column in found.columns:
        assert sum(each.rows for each in column.bins) == len(train)
        assert sum(each.bads for each in column.bins) == train.bad.sum()
    assert Exploration.model_validate_json(found.model_dump_json()) == found


def test_numbers_beyond_the_largest_sum_have_no_mean():
    features = Features(np.full((30, 2), 1e308), np.full((30, 1), 2))
    feature_map = FeatureMap(SCHEMA, Vocabulary((("own",),)))
    bad = np.repeat([0, 1], 15).astype(np.int8)
    delay = next(
        each for each in explore(feature_map, features, bad).columns if each.name == "delay"
    )
    assert (delay.mean, delay.deviation, delay.quantiles["50%"]) == (None, None, 1e308)
