import doctest
from collections.abc import Callable
from contextlib import suppress
from datetime import date

import pandas as pd
import pytest
from hypothesis import example as also
from hypothesis import given
from hypothesis import strategies as st

from configs.datasets import load_spec, spec_names
from credit.spec import Schema
from credit.validation import category_text
from services import request_model
from services.application import Application
from services.problems import ProblemError, shown
from services.request_model import ApplicationReader, example
from tests import tiny

READER = ApplicationReader(tiny.SCHEMA)


def read(**changes: object) -> dict[str, object]:
    fields = {**tiny.APPLICATION, **changes}
    return dict(READER.read({"features": fields}).fields)


def problems(content: object) -> dict[str, tuple[str, str]]:
    with pytest.raises(ProblemError) as caught:
        READER.read(content)
    assert caught.value.status == 422
    return {error.field: (error.got, error.expected) for error in caught.value.errors}


def test_the_docstrings_are_right():
    assert doctest.testmod(request_model).failed == 0


def test_values_come_out_typed_for_scoring():
    assert read() == {
        "status": "2",
        "duration": 24.0,
        "amount": 3500.5,
        "bureau score": 612.0,
        "purpose": "car",
        "applied": date(2024, 5, 17),
        "opened": date(2019, 11, 2),
    }


@pytest.mark.parametrize(
    ("field", "value", "typed"),
    [
        ("status", "3", "3"),
        ("status", 3, "3"),
        ("status", 3.0, "3"),
        ("status", " 3 ", "3"),
        ("status", "3.0", "3"),
        ("duration", 4, 4.0),
        ("duration", 72, 72.0),
        ("duration", 24.0, 24.0),
        ("amount", 100, 100.0),
        ("amount", 1e300, 1e300),
        ("amount", None, None),
        ("bureau score", 0, 0.0),
        ("bureau score", -9, -9.0),
        ("bureau score", -8.0, -8.0),
        ("purpose", "", None),
        ("purpose", "  ", None),
        ("purpose", None, None),
        ("purpose", 7, "7"),
        ("purpose", 1.5, "1.5"),
        ("purpose", True, "True"),
        ("purpose", "true", "True"),
        ("applied", "2030-12-31", date(2030, 12, 31)),
        ("applied", None, None),
    ],
)
def test_what_is_allowed(field, value, typed):
    assert read(**{field: value})[field] == typed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "4"),
        ("status", 4),
        ("status", 1.5),
        ("status", True),
        ("status", ""),
        ("status", None),
        ("status", ["1"]),
        ("duration", "24"),
        ("duration", 24.5),
        ("duration", True),
        ("duration", 3),
        ("duration", 73),
        ("duration", -9),
        ("duration", 10**30),
        ("duration", None),
        ("duration", {}),
        ("amount", "3500"),
        ("amount", False),
        ("amount", 99.99),
        ("amount", float("nan")),
        ("amount", float("inf")),
        ("amount", [1]),
        ("bureau score", -7),
        ("bureau score", 1000.5),
        ("bureau score", float("-inf")),
        ("purpose", [1]),
        ("purpose", {"a": 1}),
        ("applied", "17.05.2024"),
        ("applied", "2024-5-17"),
        ("applied", "20240517"),
        ("applied", "2024-W20-5"),
        ("applied", "2024-02-30"),
        ("applied", "2024-05-17T00:00"),
        ("applied", "1999-12-31"),
        ("applied", 20240517),
        ("applied", True),
    ],
)
def test_what_is_refused_is_named_with_what_is_allowed(field, value):
    found = problems({"features": {**tiny.APPLICATION, field: value}})
    assert list(found) == [field]
    got, expected = found[field]
    assert got == shown(value)
    assert expected.startswith(tiny.SCHEMA.columns[field].expected)


def test_every_bad_field_is_named_at_once():
    found = problems({"features": {"status": "x", "amount": "1", "sex": "f", "mood": "good"}})
    assert found == {
        "status": ('"x"', "one of '1', '2', '3' (missing is not allowed)"),
        "duration": ("nothing", "an integer from 4 to 72 months (missing is not allowed)"),
        "amount": ('"1"', "a number of at least 100 DM"),
        "sex": ('"f"', "nothing: it is a protected attribute, which is never an input; remove it"),
        "mood": ('"good"', "no such field; remove it or correct its spelling"),
    }


@pytest.mark.parametrize("name", ["telephone", "defaulted", "field_0", "__class__"])
def test_fields_that_no_model_reads_are_refused(name):
    found = problems({"features": {**tiny.APPLICATION, name: 1}})
    assert found == {name: ("1", "no such field; remove it or correct its spelling")}


def test_a_derived_field_cannot_be_sent():
    found = problems({"features": {**tiny.APPLICATION, "months_known": 54}})
    assert found["months_known"][1] == "nothing: it is computed from other fields; remove it"


def test_age_is_an_input_only_where_the_spec_justifies_it():
    columns = {
        "income": {"type": "number"},
        "age": {"type": "integer", "role": "protected", "attribute": "age"},
    }
    content = {"features": {"income": 1, "age": 30}}
    plain = Schema.model_validate({"name": "t", "bad": {"target": "b"}, "columns": columns})
    with pytest.raises(ProblemError):
        ApplicationReader(plain).read(content)
    columns["age"]["input_justification"] = "Reg B allows it in a sound system"
    justified = Schema.model_validate({"name": "t", "bad": {"target": "b"}, "columns": columns})
    assert ApplicationReader(justified).read(content).fields == {"income": 1.0, "age": 30.0}


@pytest.mark.parametrize(
    ("content", "field", "got"),
    [
        (None, "body", "null"),
        ([], "body", "a list of 0 values"),
        ("text", "body", '"text"'),
        ({}, "features", "nothing"),
        ({"features": None}, "features", "null"),
        ({"features": [1]}, "features", "a list of 1 values"),
        ({"features": tiny.APPLICATION, "application_id": 7}, "application_id", "7"),
        ({"features": tiny.APPLICATION, "application_id": "x" * 201}, "application_id", None),
        ({"features": tiny.APPLICATION, "threshold": 0.5}, "threshold", "0.5"),
    ],
)
def test_bodies_of_another_shape(content, field, got):
    found = problems(content)
    assert list(found) == [field]
    assert got is None or found[field][0] == got


def test_a_field_called_like_a_key_of_the_body_keeps_its_own_message():
    schema = Schema.model_validate(
        {"name": "t", "bad": {"target": "b"}, "columns": {"features": {"type": "number"}}}
    )
    with pytest.raises(ProblemError) as caught:
        ApplicationReader(schema).read({"features": {"features": "x"}})
    assert caught.value.errors[0].expected == "a number"


def test_the_application_id_is_handed_back():
    assert (
        READER.read({"features": tiny.APPLICATION, "application_id": "A-1"}).application_id == "A-1"
    )
    assert READER.read({"features": tiny.APPLICATION}).application_id is None


def test_ten_thousand_wrong_fields_are_counted_and_a_hundred_listed():
    with pytest.raises(
        ProblemError, match="10000 fields are wrong; the first 100 are listed"
    ) as caught:
        READER.read({"features": {**tiny.APPLICATION, **{f"x{i}": i for i in range(10_000)}}})
    assert len(caught.value.errors) == 100


@pytest.mark.parametrize(
    "value", ["x" * 100_000, ["y" * 50] * 40, {"k" * 1000: 1}, list(range(1000))]
)
def test_what_was_got_is_cut_short(value):
    assert len(shown(value)) <= 82


def test_columns_may_have_any_name():
    names = ["model_config", "class", "a b", "x-y", "copy", "_private", "日本", "field_0"]
    schema = Schema.model_validate(
        {"name": "t", "bad": {"target": "b"}, "columns": {n: {"type": "number"} for n in names}}
    )
    values = {name: float(number) for number, name in enumerate(names)}
    assert ApplicationReader(schema).read({"features": values}).fields == values
    properties = ApplicationReader(schema).model.model_json_schema()["$defs"]["Features"][
        "properties"
    ]
    assert list(properties) == names


def test_the_json_schema_says_what_is_checked():
    properties = READER.model.model_json_schema()["$defs"]["Features"]
    assert properties["required"] == ["status", "duration"]
    assert properties["additionalProperties"] is False
    fields = properties["properties"]
    assert fields["status"]["enum"] == ["1", "2", "3", 1, 2, 3]
    assert fields["status"]["description"] == (
        "Balance of the current account. 1 = no account; 2 = below 0 DM; 3 = 0 DM and more"
    )
    assert (
        fields["duration"]["type"],
        fields["duration"]["minimum"],
        fields["duration"]["maximum"],
    ) == (
        "integer",
        4,
        72,
    )
    assert fields["duration"]["description"] == "Term of the loan. Unit: months"
    assert fields["bureau score"]["anyOf"] == [
        {"type": "number", "minimum": 0, "maximum": 1000},
        {"type": "number", "enum": [-9, -8]},
        {"type": "null"},
    ]
    assert fields["applied"]["anyOf"][0] == {"type": "string", "format": "date"}


def test_the_example_is_allowed():
    READER.read(example(tiny.SCHEMA))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(list(tiny.SCHEMA.columns)) | st.text(), json_values)
    | json_values
)
def test_no_input_raises_anything_but_a_problem(features):
    with suppress(ProblemError):
        fields = READER.read({"features": features}).fields
        assert set(fields) == set(tiny.SCHEMA.fields)


@pytest.mark.parametrize("name", spec_names())
def test_the_example_of_every_shipped_spec_is_allowed(name):
    spec = load_spec(name)
    fields = ApplicationReader(spec).read(example(spec)).fields
    assert set(fields) == set(spec.fields)


bounds = st.none() | st.floats(-1e12, 1e12) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(["number", "integer"]), bounds, bounds)
@also(kind="integer", low=1.7e308, high=None)
def test_the_example_of_any_range_is_allowed(kind, low, high):
    if low is not None and high is not None:
        low, high = sorted((low, high))
    if kind == "integer":
        low, high = (bound if bound is None else float(round(bound)) for bound in (low, high))
    columns = {"amount": {"type": kind, "range": [low, high]}}
    schema = Schema.model_validate({"name": "t", "bad": {"target": "b"}, "columns": columns})
    ApplicationReader(schema).read(example(schema))


def test_the_example_has_numbers_as_people_have_them():
    features = example(load_spec("taiwan-default"))["features"]
    names = "LIMIT_BAL", "PAY_0", "BILL_AMT1", "PAY_AMT1"
    assert [features[name] for name in names] == [3200, 3, 3200, 3200]


@given(st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text())
def test_a_level_is_read_in_a_request_as_in_training(value):
    (trained,) = category_text(pd.Series([value], dtype=object))
    assert read(purpose=value)["purpose"] == trained


def test_levels_may_come_without_quotes_where_the_json_schema_says_so():
    column = {"type": "category", "levels": [1, 1.5, True, "own", "01"], "missing_allowed": False}
    schema = Schema.model_validate(
        {"name": "t", "bad": {"target": "b"}, "columns": {"level": column}}
    )
    reader = ApplicationReader(schema)
    features = reader.model.model_json_schema()["$defs"]["Features"]
    allowed = features["properties"]["level"]["enum"]
    assert allowed == ["1", "1.5", "True", "own", "01", 1, 1.5, True]
    for value in allowed:
        reader.read({"features": {"level": value}})


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-20, 100),
    st.floats(),
    st.sampled_from(
        [-9, -8.0, 2**53, 2**53 + 1, 10**400, 4, 72, 4.5, -0.0, "2", " 3 ", "3.0", "", "car", "\0"]
    ),
    st.sampled_from(["2024-05-17", "2024-5-17", "1999-12-31", "20240517", [1], {}, {"a": []}]),
)
ROWS = st.one_of(
    ODD,
    st.fixed_dictionaries(
        {},
        optional={
            "features": st.one_of(
                ODD,
                st.dictionaries(st.sampled_from([*tiny.APPLICATION, "sex", "no such"]), ODD),
                st.dictionaries(st.sampled_from([*tiny.APPLICATION]), ODD, max_size=2).map(
                    lambda changed: {**tiny.APPLICATION, **changed}
                ),
            ),
            "application_id": st.one_of(st.none(), st.just("x" * 201), st.text(max_size=3), ODD),
            "protected": st.one_of(st.none(), st.just({"age": 30}), ODD),
        },
    ),
)


@given(st.lists(ROWS, max_size=8))
def test_many_are_read_as_each_alone(rows: list[object]):
    together = [said(lambda each=each: each) for each in READER.read_many(rows)]
    assert together == [said(lambda row=row: READER.read(row)) for row in rows]


def said(read: Callable[[], Application | ProblemError]) -> str:
    """What was read, or what was wrong, as text: 1 is not 1.0 there, and -0.0 not 0.0."""
    try:
        outcome = read()
    except ProblemError as problem:
        outcome = problem
    return str(outcome.content()) if isinstance(outcome, ProblemError) else repr(outcome)


def test_ordinary_rows_are_read_by_column(monkeypatch: pytest.MonkeyPatch):
    rows = [{"features": tiny.APPLICATION, "application_id": "A-1"}] * 3
    expected = [READER.read(row) for row in rows]
    monkeypatch.setattr(ApplicationReader, "read", None)
    assert READER.read_many(rows) == expected
