import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.datasets import SpecLoader
from credit.draft import CHOOSE_TARGET, draft
from credit.spec import DatasetSpec, TargetIsBad
from credit.validation import validate


def drafted(frame, name="tiny", path="tiny.csv"):
    return DatasetSpec.model_validate(SpecLoader(draft(frame, name, path)).get_single_data())


ROWS = 200
RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "loan_id": range(ROWS),
        "income": RANDOM.normal(3000, 10, ROWS).round(2),
        "months": [-9, *RANDOM.integers(0, 120, ROWS - 1)],
        "score": [9999, *RANDOM.integers(300, 850, ROWS - 1)],
        "balance": RANDOM.normal(0, 1000, ROWS),
        "home": RANDOM.choice(["own", "rent", "yes", "n/a: none, or unknown"], ROWS),
        "postcode": [f"0{i % 10}" for i in range(ROWS)],
        "employer": [f"employer {i}" for i in range(ROWS)],
        "opened": ["2020-01-31"] * 100 + ["2021-01-31"] * 100,
        "closed": ["Dec-2020", "Jan-2021"] * 100,
        "sex": ["f", "m"] * 100,
        "Age": RANDOM.integers(18, 80, ROWS),
        "phone": [True, False] * 100,
        "recoveries": RANDOM.random(ROWS),
        "empty": [None] * ROWS,
        "same": ["x"] * ROWS,
        "default_flag": [0, 0, 0, 1] * 50,
    }
)


def test_what_a_draft_guesses():
    spec = drafted(FRAME)
    columns = spec.columns

    assert spec.id == "loan_id"
    assert (spec.bad.target, spec.bad.bad_value) == ("default_flag", "1")
    assert {name: column.type for name, column in columns.items()} == {
        "income": "number",
        "months": "integer",
        "score": "integer",
        "balance": "number",
        "home": "category",
        "postcode": "category",
        "employer": "category",
        "opened": "date",
        "closed": "category",
        "sex": "category",
        "Age": "integer",
        "phone": "category",
        "recoveries": "number",
        "empty": "category",
        "same": "category",
    }
    assert columns["months"].special == {-9.0: "say what it means"}
    assert columns["score"].special == {9999.0: "say what it means"}
    assert columns["months"].range == (0, None)
    assert columns["balance"].range == (None, None)
    assert list(columns["home"].levels) == ["n/a: none, or unknown", "own", "rent", "yes"]
    assert {name: column.attribute for name, column in spec.protected.items()} == {
        "sex": "sex",
        "Age": "age",
    }
    assert list(spec.fields) == [
        "income", "months", "score", "balance", "home", "postcode", "phone"
    ]  # fmt: skip


def test_an_input_without_gaps_may_have_none_later():
    gaps = FRAME.assign(balance=FRAME["balance"].mask(FRAME.index == 3), sex=None)
    columns = drafted(gaps).columns

    assert not columns["income"].missing_allowed
    assert not columns["home"].missing_allowed
    assert columns["balance"].missing_allowed
    assert columns["sex"].missing_allowed
    assert columns["Age"].missing_allowed  # audited only: no reason to refuse a row


def test_a_draft_accepts_the_rows_that_it_was_made_from():
    assert validate(FRAME, drafted(FRAME)).rejected.empty


def test_a_draft_of_text_is_the_draft_of_the_values():
    text = FRAME.astype("str").where(FRAME.notna(), None)
    assert drafted(text) == drafted(FRAME)


def test_comments_say_what_a_person_must_decide():
    text = draft(FRAME, "tiny", "tiny.csv")
    for comment in (
        "# Other columns of two values: ",
        "# time: the date of application, if one of 'opened' is it;",
        "# Ignored: 200 levels, more than a model can learn from",
        "# Ignored: looks like dates; write them as YYYY-MM-DD to use them",
        "# Ignored: its name sounds like an outcome; is it known at application?",
        "# Ignored: all values are missing",
        "# Ignored: all values are the same",
        "# Its name speaks of a protected characteristic",
        'bad_value: "1"  # 25.0% of the rows',
    ):
        assert comment in text


def test_without_a_target_a_placeholder_stands_and_the_draft_loads():
    frame = FRAME.drop(columns="default_flag")
    assert drafted(frame).bad.target == CHOOSE_TARGET
    assert "name the one that says which rows turned out bad" in draft(frame, "tiny", "x.csv")


@pytest.mark.parametrize(
    ("values", "bad_value"),
    [
        ([0, 1, 1], "1"),
        ([1, 2, 1], "2"),
        (["good", "bad", "bad"], "bad"),
        (["Fully Paid", "Charged Off", "Charged Off"], "Charged Off"),
        ([True, False, True], "True"),
        (["A", "B", "A"], "B"),
    ],
)
def test_the_bad_value_is_one_or_a_word_or_the_rarer(values, bad_value):
    frame = pd.DataFrame({"income": range(3), "target": values})
    assert drafted(frame).bad.bad_value == bad_value


@pytest.mark.parametrize(
    ("name", "expected"),
    [("My Loans 2024", "my-loans-2024"), ("2024 loans", "data-2024-loans"), ("éé", "data")],
)
def test_a_name_becomes_one_that_a_spec_may_have(name, expected):
    assert drafted(FRAME, name).name == expected


CELLS = st.one_of(
    st.none(), st.integers(-10, 10_000), st.text(max_size=8), st.booleans(), st.dates()
)
NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=4, unique=True)


@settings(max_examples=60, deadline=None)
@given(NAMES, st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=2, max_size=6))
def test_any_frame_gives_a_draft_that_loads_and_accepts_its_rows(names, cells):
    frame = pd.DataFrame([row[: len(names)] for row in cells], columns=names, dtype=object)
    frame = frame.assign(always=range(len(frame)), target=0)

    spec = drafted(frame)

    assert {*spec.columns, spec.id, spec.bad.target} - {None, CHOOSE_TARGET} >= {*names, "always"}
    known = spec.model_copy(update={"bad": TargetIsBad(target="target")})
    rejected = validate(frame, known).rejected
    assert rejected.empty, rejected["reasons"].tolist()
