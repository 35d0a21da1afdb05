from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.spec import DatasetSpec
from credit.validation import MISSING_WORDS, RowsError, category_text, validate


def spec(columns, bad=None, **more):
    return DatasetSpec.model_validate(
        {
            "name": "tiny",
            "source": {"path": "tiny.csv"},
            "bad": bad or {"target": "bad"},
            "columns": {"always": {"type": "number"}, **columns},
            **more,
        }
    )


def check(values, **column):
    """Validate one column x of otherwise good rows."""
    frame = pd.DataFrame({"x": values}).assign(always=1, bad=0)
    return validate(frame, spec({"x": {"role": "ignore", **column}}))


def typed(values, **column):
    checked = check(values, **column)
    assert checked.rejected.empty, checked.rejected["reasons"].tolist()
    return checked.rows["x"].tolist()


def reasons(values, **column):
    return check(values, **column).rejected["reasons"].tolist()


def same(found, expected):
    return pd.Series(found, dtype=object).equals(pd.Series(expected, dtype=object))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1.0, 2.0]),
        (["1", " 2.5 "], [1.0, 2.5]),
        (["1e3", "-.5"], [1000.0, -0.5]),
        ([Decimal("1.10"), None], [1.1, np.nan]),
        ([True, False], [1.0, 0.0]),
        (pd.array([1, None], dtype="Int64"), [1.0, np.nan]),
        (pd.Categorical(["1", "2"]), [1.0, 2.0]),
        (["1", *MISSING_WORDS], [1.0, *[np.nan] * len(MISSING_WORDS)]),
        ([None, None], [np.nan, np.nan]),
    ],
)
def test_numbers(values, expected):
    assert same(typed(values, type="number"), expected)


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_as_text_is_that_number(number):
    texts = [repr(number), f"{number:.17g}", f" {number:.25e} "]
    assert typed(texts, type="number") == [number] * 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1,000", "'1,000'"),
        ("12 EUR", "'12 EUR'"),
        ("abc", "'abc'"),
        ("?", "'?'"),
        ("inf", "'inf'"),
        (float("inf"), "inf"),
        ("1_000", "'1_000'"),
        (datetime(2020, 1, 1), "2020-01-01T00:00:00"),  # noqa: DTZ001 a file has no zone
        ("x" * 200, "'" + "x" * 79 + "...'"),
    ],
)
def test_what_is_no_number_is_rejected_and_shown(value, shown):
    assert reasons([value], type="number") == [f"x: got {shown}, expected a number"]


def test_a_whole_column_of_dates_is_no_number():
    dates = pd.to_datetime(["2020-01-01", None])
    assert reasons(dates, type="number") == ["x: got 2020-01-01T00:00:00, expected a number"]


def test_integers_are_whole():
    assert typed([1.0, "2", None], type="integer")[:2] == [1.0, 2.0]
    assert reasons([1.5], type="integer") == ["x: got 1.5, expected an integer"]


def test_a_value_is_blamed_once():
    assert reasons([150.5], type="integer", range=[0, 120]) == [
        "x: got 150.5, expected an integer from 0 to 120"
    ]


def test_a_range_includes_its_ends_and_special_codes_lie_outside():
    column = {"type": "number", "range": [0, 1], "special": {-9: "no record"}}

    assert typed([0, 1, 0.5, -9, None], **column)[:4] == [0, 1, 0.5, -9]
    assert reasons([-9.5, 1.001, 99], **column) == [
        f"x: got {value}, expected a number from 0 to 1, or special code -9"
        for value in ("-9.5", "1.001", "99.0")
    ]


@pytest.mark.parametrize(
    "value",
    [
        "2011-12-01",
        "2011-12",
        " 2011-12-01 ",
        "2011-12-01 23:59:59",
        "2011-12-01T23:59:59Z",
        "2011-12-01T00:00:00+02:00",
        date(2011, 12, 1),
        datetime(2011, 12, 1, 23, 59),  # noqa: DTZ001 a file has no zone
        datetime(2011, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=9))),
    ],
)
def test_a_date_is_the_day_as_written(value):
    assert typed([value], type="date") == [pd.Timestamp("2011-12-01")]
    assert typed([value, "2011-12-02T00:00:00-05:00"], type="date")[0] == pd.Timestamp("2011-12-01")


def test_dates_of_a_zone_and_of_every_resolution():
    expected = [pd.Timestamp("2011-12-01")]
    for unit in ("s", "ms", "us", "ns"):
        stamps = pd.Series(pd.to_datetime(["2011-12-01 23:00"])).astype(f"datetime64[{unit}]")
        assert typed(stamps, type="date") == expected
        assert typed(stamps.dt.tz_localize("Asia/Taipei"), type="date") == expected


def test_far_dates_are_dates():
    assert typed(["9999-12-31", "1900-01-01", None], type="date")[:2] == [
        pd.Timestamp("9999-12-31"),
        pd.Timestamp("1900-01-01"),
    ]


@pytest.mark.parametrize(
    "value",
    ["01/12/2011", "2011", "20111201", "Dec-2011", "2011-13-01", "2011-02-30", 20111201, 1.5],
)
def test_other_dates_are_not_guessed(value):
    assert reasons([value], type="date") == [f"x: got {value!r}, expected a date (YYYY-MM-DD)"]


def test_a_range_of_dates():
    column = {"type": "date", "range": ["2000-01-01", "2000-12-31"]}
    assert typed(["2000-01-01", "2000-12-31 10:00", None], **column)[0] == pd.Timestamp(
        "2000-01-01"
    )
    assert reasons(["1999-12-31"], **column) == [
        "x: got '1999-12-31', expected a date (YYYY-MM-DD) from 2000-01-01 to 2000-12-31"
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", " a ", "", "  ", None], ["a", "a", None, None, None]),
        ([1, 2, None], ["1", "2", None]),
        ([1.0, 2.5], ["1", "2.5"]),
        ([Decimal("1.00"), Decimal("2.50")], ["1", "2.50"]),
        ([True, False], ["True", "False"]),
        ([True, 1, "1", 1.0, None, float("nan"), pd.NA], ["True", "1", "1", "1", None, None, None]),
        (["NA", "n/a", "nan", "None"], ["NA", "n/a", "nan", "None"]),
        (pd.Categorical(["b", "a", None]), ["b", "a", None]),
        (["01", "1", "01.0", "1.5.0"], ["01", "1", "01.0", "1.5.0"]),
        (["1.0", "-2.00", "-0.0", "10.50"], ["1", "-2", "0", "10.50"]),
        (["true", "False", "TRUE"], ["True", "False", "True"]),
    ],
)
def test_categories_are_text(values, expected):
    assert typed(values, type="category") == expected
    assert category_text(pd.Series(values, dtype=object)).tolist() == expected


def test_unknown_levels_are_rejected():
    column = {"type": "category", "levels": {"1": "male", "2": "female"}}
    assert typed([1, 2.0, "1", None], **column) == ["1", "2", "1", None]
    assert reasons(["3"], **column) == ["x: got '3', expected one of '1', '2'"]


def test_levels_are_written_alike_in_the_spec_and_in_every_source():
    for levels in ([1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2.0"]):
        for values in ([1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2.0"], pd.Series([1.0, 2.0])):
            assert typed(values, type="category", levels=levels) == ["1", "2"]
    for truths in ([True, False], pd.Series([True, False]), ["True", "False"], ["true", "false"]):
        assert typed(truths, type="category", levels=[True, False]) == ["True", "False"]


@pytest.mark.parametrize("kind", ["number", "integer", "category", "date"])
@pytest.mark.parametrize("nothing", [None, float("nan"), "", "  "])
def test_a_missing_value_where_none_may_be(kind, nothing):
    (reason,) = reasons([nothing], type=kind, missing_allowed=False)
    assert reason.startswith("x: got ")
    assert reason.endswith("(missing is not allowed)")
    assert reasons([nothing], type=kind) == []


def test_every_reason_of_a_row_is_given_with_its_number_and_its_values():
    frame = pd.DataFrame(
        {"age": [30, 17, "old"], "home": ["own", "boat", "own"], "bad": [0, None, 1], "extra": 7}
    )
    tiny = DatasetSpec.model_validate(
        {
            "name": "tiny",
            "source": {"path": "tiny.csv"},
            "bad": {"target": "bad"},
            "columns": {
                "age": {"type": "integer", "range": [18, 99]},
                "home": {"type": "category", "levels": ["own", "rent"]},
            },
        }
    )

    checked = validate(frame, tiny)

    assert checked.rejected.astype(object).where(
        checked.rejected.notna(), None
    ).values.tolist() == [
        [
            2,
            "; ".join(
                [
                    "age: got 17, expected an integer from 18 to 99",
                    "home: got 'boat', expected one of 'own', 'rent'",
                    "bad: got nothing, expected a target value",
                ]
            ),
            17,
            "boat",
            None,
            7,
        ],
        [3, "age: got 'old', expected an integer from 18 to 99", "old", "own", 1, 7],
    ]
    assert checked.rows.to_dict("records") == [{"bad": "0", "age": 30.0, "home": "own"}]
    assert checked.rejected_share == pytest.approx(2 / 3)


def test_copies_of_an_id_leave_one_row_and_contradictions_none():
    frame = pd.DataFrame(
        {"loan": [1, 1, 2, 2, 3, None], "always": [5, 5, 6, 7, 8, 9], "bad": [0, 0, 0, 0, 1, 1]}
    )
    checked = validate(frame, spec({}, id="loan"))

    assert checked.rows["loan"].tolist() == ["1", "3"]
    assert checked.rejected["row"].tolist() == [2, 3, 4, 6]
    assert checked.rejected["reasons"].tolist() == [
        "loan: got 1.0, expected an id that no other row has",
        "loan: got 2.0, expected an id that no other row has",
        "loan: got 2.0, expected an id that no other row has",
        "loan: got nothing, expected a text (missing is not allowed)",
    ]


def test_a_flawed_row_makes_its_id_doubtful():
    frame = pd.DataFrame({"loan": [1, 1], "always": [5, "?"], "bad": [0, 0]})
    assert validate(frame, spec({}, id="loan")).rejected["row"].tolist() == [1, 2]


EVENT = {"event": "lost", "event_date": "lost_at", "horizon_months": 12}


def test_an_event_needs_its_date_and_a_row_its_time():
    frame = pd.DataFrame(
        {
            "opened": ["2020-01-01", None, "2020-01-01", "2020-01-01"],
            "lost": [1, 0, None, 0],
            "lost_at": [None, None, None, None],
            "always": 1,
        }
    )
    rejected = validate(frame, spec({}, bad=EVENT, time="opened")).rejected

    assert rejected["reasons"].tolist() == [
        "lost_at: got nothing, expected the date of the event",
        "opened: got nothing, expected a date (YYYY-MM-DD) (missing is not allowed)",
        "lost: got nothing, expected whether the event happened",
    ]


def test_a_declared_time_column_may_not_be_missing_either():
    frame = pd.DataFrame({"opened": [None], "always": [1], "bad": [0]})
    declared = spec({"opened": {"type": "date", "role": "ignore"}}, time="opened")
    assert len(validate(frame, declared).rejected) == 1


def test_an_application_needs_no_outcome_but_every_field():
    tiny = spec({"age": {"type": "integer", "role": "protected"}}, id="loan")
    assert len(validate(pd.DataFrame({"always": [1]}), tiny, outcomes=False).rows) == 1

    with pytest.raises(RowsError, match="1 column is missing: always; there are other"):
        validate(pd.DataFrame({"other": [1]}), tiny, outcomes=False)


def test_frames_that_are_no_data():
    with pytest.raises(RowsError, match="there are no rows"):
        validate(pd.DataFrame({"always": [], "bad": []}), spec({}))
    with pytest.raises(RowsError, match="2 columns are missing: bad, always; there are x"):
        validate(pd.DataFrame({"x": [1]}), spec({}))
    twice = pd.DataFrame([[1, 2, 0]], columns=["always", "always", "bad"])
    with pytest.raises(RowsError, match="two columns have the same name: always"):
        validate(twice, spec({}))


def test_columns_named_like_ours_do_no_harm():
    frame = pd.DataFrame({"row": ["x"], "reasons": ["y"], "always": ["?"], "bad": [0]})
    rejected = validate(frame, spec({"row": {"type": "category"}})).rejected
    assert rejected.iloc[0].tolist() == [1, "always: got '?', expected a number", "x", "y", "?", 0]


def test_a_column_of_all_missing_values_stays_missing():
    for nothing in (None, np.nan, ""):
        assert same(typed([nothing] * 3, type="number"), [np.nan] * 3)
        assert typed([nothing] * 3, type="category") == [None] * 3


def test_the_index_of_the_frame_does_not_matter():
    frame = pd.DataFrame({"always": [1, "x"], "bad": [0, 1]}, index=[7, 7])
    checked = validate(frame, spec({}))
    assert (len(checked.rows), checked.rejected["row"].tolist()) == (1, [2])


def test_many_rejected_rows_take_seconds_not_minutes():
    rows = 150_000
    frame = pd.DataFrame({"always": np.full(rows, "x"), "x": np.full(rows, 7), "bad": 0})
    rejected = validate(frame, spec({"x": {"type": "integer", "range": [0, 1]}})).rejected
    assert len(rejected) == rows
    assert rejected["reasons"].nunique() == 1


VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.floats(),
    st.booleans(),
    st.sampled_from(["", " ", "1", "-2", "2.0", "a", "b", "NA", "2020-01-01", "1,0"]),
    st.dates(date(2019, 1, 1), date(2021, 1, 1)),
)
MESSY = spec(
    {
        "n": {"type": "integer", "range": [0, 2], "special": {-2: "none"}},
        "c": {"type": "category", "levels": ["a", "b", "1"], "missing_allowed": False},
        "d": {"type": "date", "range": ["2019-06-01", None], "role": "ignore"},
    },
    id="id",
)
FRAMES = st.lists(
    st.tuples(st.sampled_from(["p", "q", "r", None]), VALUES, VALUES, VALUES, VALUES, VALUES),
    min_size=1,
    max_size=12,
).map(lambda rows: pd.DataFrame(rows, columns=["id", "always", "n", "c", "d", "bad"], dtype=object))


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_each_row_is_either_kept_or_rejected_with_a_reason(frame):
    checked = validate(frame, MESSY)

    assert len(checked.rows) + len(checked.rejected) == len(frame)
    assert all(reason.strip() and "\n" not in reason for reason in checked.rejected["reasons"])
    kept = checked.rows
    assert kept["n"].isin([-2, 0, 1, 2]).eq(kept["n"].notna()).all()
    assert kept["c"].isin(["a", "b", "1"]).all()
    assert kept["id"].is_unique
    assert kept["bad"].notna().all()


@settings(max_examples=60, deadline=None)
@given(FRAMES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)

    def content(rows):
        return sorted(map(repr, rows.astype(object).values.tolist()))

    one, other = validate(frame, MESSY), validate(frame.iloc[order], MESSY)

    assert content(one.rows) == content(other.rows)
    assert sorted(one.rejected["reasons"]) == sorted(other.rejected["reasons"])


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_kept_rows_are_kept_again(frame):
    rows = validate(frame, MESSY).rows
    if len(rows):
        again = validate(rows, MESSY)
        assert again.rejected.empty
        pd.testing.assert_frame_equal(again.rows, rows)
