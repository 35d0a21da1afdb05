import numpy as np
import pandas as pd
import pytest

from credit.labels import label
from credit.spec import DatasetSpec
from credit.validation import validate


def spec(bad, **more):
    return DatasetSpec.model_validate(
        {
            "name": "tiny",
            "source": {"path": "tiny.csv"},
            "bad": bad,
            "columns": {"income": {"type": "number"}},
            **more,
        }
    )


@pytest.mark.parametrize(
    ("values", "bad_value", "expected"),
    [
        ([0, 1, 1], 1, [0, 1, 1]),
        ([0.0, 1.0, 2.0], 1, [0, 1, 0]),
        (["0", "1", " 1 "], 1, [0, 1, 1]),
        ([True, False, True], 1, [1, 0, 1]),
        ([True, False, True], True, [1, 0, 1]),
        ([1, 0, 1], True, [1, 0, 1]),
        (["True", "false", "true"], True, [1, 0, 1]),
        (["good", "bad", "good"], "bad", [0, 1, 0]),
        ([1, 2, 1], "2", [0, 1, 0]),
    ],
)
def test_a_target_is_bad_where_it_holds_the_bad_value(values, bad_value, expected):
    tiny = spec({"target": "y", "bad_value": bad_value})
    rows = validate(pd.DataFrame({"income": [1, 2, 3], "y": values}), tiny).rows

    labels = label(rows, tiny)

    assert labels.bad.tolist() == expected
    assert labels.bad.dtype == np.int8
    assert labels.matured.all()


HORIZON = {"event": "lost", "event_date": "known_at", "horizon_months": 6}


def by_event(rows, **bad):
    tiny = spec({**HORIZON, **bad}, time="opened")
    frame = pd.DataFrame(rows, columns=["opened", "lost", "known_at"]).assign(income=1)
    return label(validate(frame, tiny).rows, tiny)


def test_an_event_counts_until_the_last_day_of_the_horizon():
    labels = by_event(
        [
            ("2020-01-31", 1, "2020-07-31"),  # on the last day
            ("2020-01-31", 1, "2020-08-01"),  # a day later
            ("2020-01-31", 0, "2020-03-01"),  # repaid
            ("2020-01-31", 0, None),  # nothing known yet
        ],
        observed_until="2021-01-01",
    )

    assert labels.bad.tolist() == [1, 0, 0, 0]
    assert labels.matured.all()


def test_a_bad_does_not_mature_before_the_goods_of_its_day():
    labels = by_event(
        [("2020-01-01", 1, "2020-02-01"), ("2020-01-02", 1, "2020-02-01")],
        observed_until="2020-07-01",
    )

    assert labels.bad.tolist() == [1, 1]
    assert labels.matured.tolist() == [True, False]


def test_observation_ends_with_the_latest_event_unless_told():
    rows = [("2020-01-01", 1, "2020-07-01"), ("2020-01-02", 0, "2020-03-01")]

    assert by_event(rows).matured.tolist() == [True, False]
    assert by_event(rows, observed_until="2020-12-31").matured.tolist() == [True, True]


def test_a_month_without_that_day_ends_on_its_last():
    labels = by_event([("2020-08-31", 1, "2021-02-28"), ("2020-08-31", 1, "2021-03-01")])
    assert labels.bad.tolist() == [1, 0]


@pytest.mark.parametrize("event_value", [1, 1.0, "1", True])
def test_the_value_of_the_event_may_be_written_in_any_way(event_value):
    labels = by_event([("2020-01-01", 1, "2020-02-01")], event_value=event_value)
    assert labels.bad.tolist() == [1]
