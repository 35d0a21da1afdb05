"""Groups of applicants: named from the spec, missing values among them, crossed in pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.groups import NOT_STATED, GroupError, Groups, pairs, protected_groups
from credit.spec import Schema


def schema(**protected) -> Schema:
    columns = {name: {"role": "protected", **column} for name, column in protected.items()}
    columns["income"] = {"type": "number"}
    return Schema.model_validate({"name": "tiny", "bad": {"target": "bad"}, "columns": columns})


def groups_of(values, **column) -> Groups:
    dtype = object if column["type"] == "category" else None
    frame = pd.DataFrame({"who": pd.Series(values, dtype=dtype)})
    return protected_groups(frame, schema(who=column))["who"]


def test_levels_are_named_by_their_labels_in_the_order_of_the_spec():
    groups = groups_of(["2", "1", None, "2"], type="category", levels={"2": "female", "1": "male"})
    assert groups.names == ("female", "male", NOT_STATED)
    assert groups.labels.tolist() == ["female", "male", NOT_STATED, "female"]
    assert groups.rows.tolist() == [2, 1, 1]


def test_levels_of_one_label_stay_apart():
    groups = groups_of(["1", "2"], type="category", levels={"1": "others", "2": "others", "3": ""})
    assert groups.names == ("others (1)", "others (2)", "3")


def test_levels_beyond_the_twenty_most_frequent_are_one_group():
    values = [f"country {number:02}" for number in range(25)] + ["country 07"]
    groups = groups_of(values, type="category")
    assert len(groups.names) == 21
    assert groups.names[-1] == "5 other levels"
    assert "country 07" in groups.names
    assert groups.rows[-1] == 5


def test_a_number_is_cut_at_its_bounds_and_special_codes_are_apart():
    groups = groups_of(
        [24, 25, 59.5, 60, -9, np.nan],
        type="number",
        groups=[25, 60],
        special={-9: "no record"},
    )
    assert groups.labels.tolist() == [
        "below 25",
        "25 to below 60",
        "25 to below 60",
        "60 or more",
        "no record",
        NOT_STATED,
    ]


def test_a_number_without_bounds_is_its_values_or_its_quartiles():
    few = groups_of([1, 0, 1, np.nan], type="integer")
    assert few.names == ("0", "1", NOT_STATED)
    many = groups_of(np.arange(100.0), type="number")
    assert many.names == ("below 25", "25 to below 50", "50 to below 75", "75 or more")
    assert many.rows.tolist() == [25, 25, 25, 25]


def test_dates_of_birth_are_cut_at_their_quartiles():
    born = pd.Series(pd.date_range("1970-01-01", periods=40, freq="D"))
    born[0] = pd.NaT
    groups = groups_of(born, type="date")
    assert groups.names[0] == "below 1970-01-12"
    assert groups.labels[0] == NOT_STATED


def test_a_column_without_any_value_is_one_group_without_a_reference():
    groups = groups_of([np.nan, np.nan], type="integer", groups=[25])
    assert groups.reference is None
    assert groups.labels.tolist() == [NOT_STATED, NOT_STATED]


@pytest.mark.parametrize(
    ("wanted", "reference"),
    [("18", "below 25"), ("25", "25 to below 60"), ("60 or more", "60 or more"), ("", "below 25")],
)
def test_the_reference_is_the_stated_group_or_the_largest(wanted, reference):
    groups = groups_of(
        [20, 21, 30, 70, np.nan, np.nan, np.nan],
        type="integer",
        range=[18, 120],
        groups=[25, 60],
        reference_group=wanted,
    )
    assert groups.names[groups.reference] == reference


def test_a_stated_level_is_the_reference_even_where_it_is_small():
    groups = groups_of(["1", "2", "2"], type="category", levels={"1": "m", "2": "f"})
    assert groups.names[groups.reference] == "f"
    stated = groups_of(
        ["1", "2", "2"], type="category", levels={"1": "m", "2": "f"}, reference_group="1"
    )
    assert stated.names[stated.reference] == "m"


def test_an_unknown_reference_is_refused_by_name():
    with pytest.raises(GroupError, match=r"who: reference_group '3' is not one .* it has '1', '2'"):
        groups_of(["1"], type="category", levels=["1", "2"], reference_group="3")


def test_pairs_cross_two_columns_at_a_time():
    frame = pd.DataFrame({"sex": ["f", "m", "m", None], "old": [0, 1, 1, 1], "home": list("abab")})
    groups = protected_groups(
        frame,
        schema(
            sex={"type": "category", "levels": ["f", "m"], "reference_group": "m"},
            old={"type": "integer"},
            home={"type": "category"},
        ),
    )
    crossed = pairs(groups)
    assert list(crossed) == ["sex and old", "sex and home", "old and home"]
    both = crossed["sex and old"]
    assert both.names == ("f / 0", "f / 1", "m / 0", "m / 1", NOT_STATED)
    assert both.labels.tolist() == ["f / 0", "m / 1", "m / 1", NOT_STATED]
    assert both.references == ("m / 0", "m / 1")
    assert both.names[both.reference] == "m / 1"
    assert crossed["old and home"].references == ()
    assert NOT_STATED not in crossed["old and home"].names


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1))
def test_a_pair_says_what_its_sides_say(codes):
    left, right = np.array(codes).T
    one = Groups(("a", "b", "c", NOT_STATED), left)
    other = Groups(("x", "y", NOT_STATED), right)
    (crossed,) = pairs({"one": one, "other": other}).values()
    expected = [
        NOT_STATED if NOT_STATED in both else " / ".join(both)
        for both in zip(one.labels, other.labels, strict=True)
    ]
    assert crossed.labels.tolist() == expected


def test_a_part_keeps_the_groups_of_the_whole():
    groups = groups_of(["1", "2", "1"], type="category", levels=["1", "2"], reference_group="2")
    part = groups[np.array([True, False, True])]
    assert part.names == groups.names
    assert part.rows.tolist() == [2, 0]
    assert part.reference is None


@given(st.lists(st.floats(-100, 100), min_size=1), st.sets(st.integers(-50, 50), min_size=1))
def test_every_number_is_in_its_own_band(values, bounds):
    groups = groups_of(values, type="number", groups=sorted(bounds))
    for value, label in zip(values, groups.labels, strict=True):
        low, _, high = label.partition(" to below ")
        if label.startswith("below "):
            assert value < float(label.removeprefix("below "))
        elif high:
            assert float(low) <= value < float(high)
        else:
            assert value >= float(label.removesuffix(" or more"))
