import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from credit.leakage import leakage_warnings, single_column_auc
from credit.spec import Schema

NAN = np.nan


def schema(columns, target="bad", derived=None):
    return Schema.model_validate(
        {"name": "tiny", "bad": {"target": target}, "columns": columns, "derived": derived or {}}
    )


@pytest.mark.parametrize(
    ("values", "bad", "auc"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 1.0),
        ([1, 2, 3, 4], [0, 1, 0, 1], 0.75),
        ([1, 1, 1, 1], [0, 1, 0, 1], 0.5),
        ([NAN, NAN, 5, 6], [1, 1, 0, 0], 1.0),
        ([NAN, NAN, 5, 6], [0, 0, 1, 1], 1.0),
        ([NAN] * 4, [0, 1, 0, 1], 0.5),
    ],
)
def test_auc_of_one_column(values, bad, auc):
    found = single_column_auc(np.array(values, dtype=float), np.array(bad, dtype=np.int8))
    assert found == pytest.approx(auc)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=4, max_size=40))
def test_auc_is_that_of_scikit_learn(pairs):
    values, bad = np.array([*pairs, (0, 0), (0, 1)]).T
    auc = roc_auc_score(bad, values)
    found = single_column_auc(values.astype(float), bad.astype(np.int8))
    assert found == pytest.approx(max(auc, 1 - auc), abs=1e-12)


ROWS = 4000
RANDOM = np.random.default_rng(1)
BAD = (RANDOM.random(ROWS) < 0.2).astype(np.int8)
PART = RANDOM.choice(["train", "validation", "test", "gap"], ROWS).astype(object)
NUMBER = {"type": "number"}
CATEGORY = {"type": "category"}


def warnings_of(column, declared, name="x", **more):
    rows = pd.DataFrame({name: column, "noise": RANDOM.normal(size=ROWS)})
    return leakage_warnings(rows, BAD, PART, schema({name: declared, "noise": NUMBER}, **more))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_tells_the_outcome(sign):
    (warning,) = warnings_of(sign * (BAD + RANDOM.normal(0, 0.3, ROWS)), NUMBER)
    assert warning.startswith("x alone separates bad from good with an AUC of 0.9")


def test_a_number_that_is_filled_in_for_bads_only():
    (warning,) = warnings_of(np.where(BAD == 1, 3.5, NAN), NUMBER)
    assert "AUC of 1.000" in warning


def test_a_strong_but_honest_number_is_no_warning():
    assert warnings_of(BAD + RANDOM.normal(0, 0.6, ROWS), NUMBER) == ()


def test_a_category_that_tells_the_outcome():
    states = np.where(BAD == 1, "C7", np.where(RANDOM.random(ROWS) < 0.5, "A1", "B2"))
    (warning,) = warnings_of(states.astype(object), CATEGORY)
    assert warning.startswith("x alone separates bad from good with an AUC of 1.000")


def test_a_category_of_unique_levels_tells_nothing():
    unique = np.array([f"level {i}" for i in range(ROWS)], dtype=object)
    assert warnings_of(unique, CATEGORY) == ()


def test_a_derived_column_is_looked_at_too():
    rows = pd.DataFrame({"a": BAD + 1.0, "b": RANDOM.normal(size=ROWS)})
    declared = schema(
        {"a": {**NUMBER, "role": "ignore"}, "b": NUMBER},
        derived={"ratio": {"expression": "a / 2"}},
    )
    (warning,) = leakage_warnings(rows, BAD, PART, declared)
    assert warning.startswith("ratio alone")


def test_rows_of_two_parts_with_the_same_fields_are_counted():
    rows = pd.DataFrame({"x": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, NAN, NAN], "home": ["a"] * 8})
    bad = np.array([0, 1, 0, 1, 0, 1, 0, 1], dtype=np.int8)
    part = np.array(
        ["train", "test", "train", "train", "gap", "test", "validation", "test"], dtype=object
    )
    (warning,) = leakage_warnings(rows, bad, part, schema({"x": NUMBER, "home": CATEGORY}))
    assert warning.startswith("4 of 7 rows have the same fields as a row of another part")


@pytest.mark.parametrize(
    "name",
    [
        "charged_off_amount",
        "ChargeOffAmt",
        "write-off",
        "recoveries",
        "collection recovery fee",
        "last_pymnt_amnt",
        "last_payment_d",
        "settlement_status",
        "loan_status",
        "default_date",
        "outcome",
    ],
)
def test_names_of_outcomes(name):
    (warning,) = warnings_of(RANDOM.normal(size=ROWS), NUMBER, name=name)
    assert warning.startswith(f"The name of {name} sounds like an outcome")


@pytest.mark.parametrize(
    "name",
    [
        "previous_defaults",
        "collections_12_mths_ex_med",
        "PAY_AMT1",
        "payment_to_bill",
        "offer",
        "months_since_default",
        "recoverable",
        "defaulting_rate_of_industry",
        "income",
    ],
)
def test_names_of_applications(name):
    assert warnings_of(RANDOM.normal(size=ROWS), NUMBER, name=name) == ()


def test_names_made_from_the_target():
    (warning,) = warnings_of(
        RANDOM.normal(size=ROWS), NUMBER, name="avg_paid_back_6m", target="paid_back"
    )
    assert "avg_paid_back_6m" in warning
    assert warnings_of(RANDOM.normal(size=ROWS), NUMBER, name="y_axis", target="y") == ()
