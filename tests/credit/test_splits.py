import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.labels import Labels, label
from credit.plan import SplitPlan
from credit.spec import DatasetSpec
from credit.splits import SplitError, hash_draws, in_fixed_order, split

PLAN = SplitPlan(validation=0.2, test=0.2)


def spec(**more):
    return DatasetSpec.model_validate(
        {
            "name": "tiny",
            "source": {"path": "tiny.csv"},
            "bad": {"target": "bad"},
            "columns": {"income": {"type": "number"}, "home": {"type": "category"}},
            **more,
        }
    )


WITH_ID = spec(id="loan")
CONTENT = spec()
TIMED = spec(id="loan", time="opened")
HORIZON = spec(
    id="loan",
    time="opened",
    bad={"event": "bad", "event_date": "known_at", "horizon_months": 6},
)


def rows(number, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "loan": [f"L{i}" for i in range(number)],
            "income": random.normal(size=number),
            "home": random.choice(["own", "rent"], number).astype(object),
            "bad": random.choice(["0", "1"], number, p=[0.7, 0.3]),
        }
    )


def split_rows(frame, schema=WITH_ID, plan=PLAN):
    return split(frame, label(frame, schema), schema, plan)


def test_the_hash_is_fixed_for_ever():
    # A change of these numbers would move rows from the test of one champion into the training
    # of the next.
    assert hash_draws([b"1", b"2", b""], "creditloop").round(6).tolist() == [
        0.240417,
        0.644247,
        0.702861,
    ]


def test_the_hash_is_uniform_and_depends_on_the_salt():
    keys = [str(i).encode() for i in range(20_000)]
    draws = hash_draws(keys, "creditloop")

    assert draws.min() >= 0
    assert draws.max() < 1
    assert np.histogram(draws, 10, (0, 1))[0] == pytest.approx(2000, abs=200)
    assert abs(np.corrcoef(draws, hash_draws(keys, "other"))[0, 1]) < 0.03


def test_shares_are_those_of_the_plan():
    found = split_rows(rows(20_000), plan=SplitPlan(validation=0.1, test=0.3))
    shares = {name: part.rows / 20_000 for name, part in found.summary.items()}
    assert shares == pytest.approx({"train": 0.6, "validation": 0.1, "test": 0.3}, abs=0.01)
    assert found.warnings == found.notes == ()


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(90, 119))
def test_a_row_keeps_its_part_in_another_order_and_among_more_rows(random, number):
    frame = rows(120)
    whole = dict(zip(frame["loan"], split_rows(frame).part, strict=True))
    order = list(range(number))
    random.shuffle(order)
    shuffled = frame.iloc[order].reset_index(drop=True)

    parts = split_rows(shuffled).part
    assert parts.tolist() == [whole[loan] for loan in shuffled["loan"]]


def test_without_an_id_rows_of_the_same_contents_stay_together():
    frame = rows(300).drop(columns="loan")
    frame.loc[:20, "income"] = np.nan
    twice = pd.concat([frame, frame.assign(bad="1")], ignore_index=True)
    twice.loc[300:, "income"] = twice.loc[300:, "income"] + 0.0

    part = split_rows(twice, CONTENT).part

    assert (part[:300] == part[300:]).all()
    assert set(part[30:300]) == {"train", "validation", "test"}


def test_a_number_of_an_id_and_its_text_are_the_same_id():
    frame = rows(200)
    as_text = split_rows(frame.assign(loan=[str(i) for i in range(200)])).part
    assert (split_rows(frame.assign(loan=range(200))).part == as_text).all()


def months(number, start="2010-01-01"):
    return pd.date_range(start, periods=number, freq="MS")


def test_the_newest_slice_is_the_test_and_nothing_lies_between_without_a_horizon():
    frame = rows(1000)
    frame["opened"] = np.repeat(months(20), 50)

    found = split_rows(frame, TIMED)

    assert (found.part[800:] == "test").all()
    assert set(found.part[:800]) == {"train", "validation"}
    assert found.summary["validation"].rows / 800 == pytest.approx(0.25, abs=0.06)
    assert "0 rows of the gap" in found.notes[0]
    assert "outcomes of the last training rows may not have been known" in found.notes[1]


def test_a_target_that_takes_time_to_be_known_has_a_gap_too():
    frame = rows(1000)
    frame["opened"] = np.repeat(months(20), 50)
    schema = spec(id="loan", time="opened", bad={"target": "bad", "horizon_months": 3})

    found = split_rows(frame, schema)
    part = pd.Series(found.part).groupby(frame["opened"].dt.strftime("%Y-%m")).agg(set)

    # The test starts in 2011-05; what was opened in 2011-02 is known on its first day.
    assert part["2011-05":].tolist() == [{"test"}] * 4
    assert part["2011-03":"2011-04"].tolist() == [{"gap"}] * 2
    assert part[:"2011-02"].tolist() == [{"train", "validation"}] * 14
    assert len(found.notes) == 1


def test_without_an_id_a_note_says_what_the_split_depends_on():
    (note,) = split_rows(rows(300), CONTENT).notes
    assert note.startswith("There is no id column: rows are split by their contents")


@pytest.mark.parametrize("schema", [WITH_ID, CONTENT], ids=["id", "contents"])
def test_rows_in_any_order_come_into_the_same_order(schema):
    frame = rows(500)
    frame.loc[:20, ["income", "home"]] = np.nan
    frame["home"] = frame["home"].astype(object).where(frame["home"].notna(), None)
    frame = pd.concat([frame, frame.assign(loan=frame["loan"] + "b")], ignore_index=True)

    expected = in_fixed_order(frame, schema)

    assert sorted(expected["loan"]) == sorted(frame["loan"])
    for seed in range(3):
        shuffled = frame.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(in_fixed_order(shuffled, schema), expected)


def test_ascending_numbers_keep_their_order():
    frame = rows(200).assign(loan=[str(i) for i in range(1, 201)])
    pd.testing.assert_frame_equal(in_fixed_order(frame, WITH_ID), frame)


@pytest.mark.parametrize(("newest", "tested"), [(10, 30), (35, 35), (70, 70)])
def test_rows_of_one_time_stay_together_at_the_nearest_boundary(newest, tested):
    # 100 pairs of rows of 5 months: the last two of 20 and `newest`; 20 pairs are wanted.
    counts = [100 - 40 - newest, 10, 10, 20, newest] if newest < 60 else [10, 10, 5, 5, newest]
    frame = rows(2 * sum(counts))
    frame["opened"] = np.repeat(months(5), 2 * np.array(counts))
    assert (split_rows(frame, TIMED).part == "test").sum() == 2 * tested


def test_a_gap_of_the_horizon_lies_before_the_test_and_the_newest_rows_are_immature():
    frame = rows(2400)
    frame["opened"] = np.repeat(months(24), 100)
    known_at = frame["opened"] + pd.DateOffset(months=2)
    frame["known_at"] = known_at.clip(upper=pd.Timestamp("2012-01-01"))  # observation ends

    found = split_rows(frame, HORIZON)
    part = pd.Series(found.part).groupby(frame["opened"].dt.strftime("%Y-%m")).agg(set)

    # Matured: 2010-01 to 2011-07, 19 months; the nearest slice to a fifth is 4 of them.
    assert part["2011-08":].tolist() == [{"immature"}] * 5
    assert part["2011-04":"2011-07"].tolist() == [{"test"}] * 4
    # Outcomes of October are known on the day that the test starts, those of November are not.
    assert part["2010-11":"2011-03"].tolist() == [{"gap"}] * 5
    assert part[:"2010-10"].tolist() == [{"train", "validation"}] * 10
    assert found.summary["test"].rows == 400
    assert "500 rows of the gap and 500 rows that have not matured" in found.notes[0]


def test_a_bad_rate_that_moves_with_time_is_a_note_and_no_warning():
    frame = rows(2000)
    frame["opened"] = np.repeat(months(20), 100)
    frame["bad"] = ["0"] * 1600 + ["1"] * 300 + ["0"] * 100
    frame.loc[::5, "bad"] = "1"

    found = split_rows(frame, TIMED)

    assert found.warnings == ()
    assert found.notes[-1] == (
        "The bad rate moved with time: train 19.2%, validation 22.5%, test 80.0%."
    )


def test_a_bad_rate_that_chance_does_not_explain_is_a_warning():
    frame = rows(3000)
    draws = hash_draws([loan.encode() for loan in frame["loan"]], PLAN.salt)
    frame["bad"] = np.where((draws < 0.2) | (frame.index % 5 == 0), "1", "0")
    frame.loc[frame.index % 7 == 0, "bad"] = "0"

    (warning,) = split_rows(frame).warnings

    assert "differs between parts that chance should make alike: train 1" in warning
    assert "chi-square p" in warning


def test_warnings_are_rare_where_there_is_nothing_to_warn_of():
    warned = sum(bool(split_rows(rows(300, seed)).warnings) for seed in range(200))
    assert warned <= 2  # 0.2 expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("0", r"all 50 matured rows are good: bad means bad = 1, and bad holds 0; correct `bad`"),
        ("1", r"all 50 matured rows are bad: bad means bad = 1, and bad holds 1; correct `bad`"),
    ],
)
def test_a_target_of_one_class(values, message):
    with pytest.raises(SplitError, match=message):
        split_rows(rows(50).assign(bad=values))


def test_one_class_in_a_part():
    frame = rows(100)
    draws = hash_draws([loan.encode() for loan in frame["loan"]], PLAN.salt)
    test = draws < PLAN.test
    frame["bad"] = np.where(~test & (frame.index % 3 == 0), "1", "0")

    with pytest.raises(
        SplitError,
        match=rf"test has 0 bad and {test.sum()} good rows and needs at least 1 of each; give more",
    ):
        split_rows(frame)


@pytest.mark.parametrize("rare", ["0", "1"])
def test_too_few_of_a_class_to_fold(rare):
    frame = rows(400)
    common = "1" if rare == "0" else "0"
    draws = hash_draws([loan.encode() for loan in frame["loan"]], PLAN.salt)
    train = np.flatnonzero(draws >= PLAN.test + PLAN.validation)
    frame["bad"] = np.where(draws < PLAN.test + PLAN.validation, frame["bad"], common)
    frame.loc[train[:10], "bad"] = rare
    assert split_rows(frame).summary["train"].rows == len(train)

    frame.loc[train[0], "bad"] = common
    counts = (9, len(train) - 9) if rare == "1" else (len(train) - 9, 9)
    with pytest.raises(
        SplitError, match=r"train has {} bad and {} good rows and needs at least 10".format(*counts)
    ):
        split_rows(frame)


def test_too_few_rows():
    with pytest.raises(SplitError, match=r"has no rows: there are too few for shares of 20%"):
        split_rows(rows(2).assign(bad=["0", "1"]))


def test_a_history_shorter_than_the_gap():
    frame = rows(500)
    frame["opened"] = np.repeat(months(5), 100)
    frame["known_at"] = frame["opened"] + pd.DateOffset(months=3)
    frame.loc[499, "known_at"] = pd.Timestamp("2012-01-01")

    with pytest.raises(SplitError, match=r"train has no rows: .*gap of 6 months.*older history"):
        split_rows(frame, HORIZON)


def test_nothing_matured():
    frame = rows(10).assign(opened=months(10), known_at=months(10))
    labels = Labels(np.zeros(10, dtype=np.int8), np.zeros(10, dtype=bool))
    with pytest.raises(SplitError, match=r"no row has matured: none has 6 months between opened"):
        split(frame, labels, HORIZON, PLAN)


def test_one_time_only():
    frame = rows(50).assign(opened=pd.Timestamp("2020-01-01"))
    with pytest.raises(SplitError, match=r"all matured rows have the same opened"):
        split_rows(frame, TIMED)


def test_large_data_is_split_in_seconds():
    frame = rows(150_000)
    start = time.perf_counter()
    split_rows(frame)
    split_rows(frame.drop(columns="loan"), CONTENT)
    assert time.perf_counter() - start < 10  # 1 s on an idle core
