from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from credit.package import canonical_json
from credit.spec import (
    Column,
    DatasetSpec,
    EventWithinHorizon,
    FileSource,
    Schema,
    TargetIsBad,
    level_text,
)

SPEC = {
    "name": "tiny",
    "source": {"path": "tiny.csv"},
    "id": "loan",
    "bad": {"target": "bad"},
    "columns": {
        "income": {"type": "number", "unit": "EUR", "range": [0, None], "special": {-9: "none"}},
        "born": {"type": "date", "role": "ignore"},
        "home": {"type": "category", "levels": ["own", "rent"]},
        "age": {"type": "integer", "role": "protected", "attribute": "age"},
        "debt": {"type": "number", "role": "ignore"},
        "opened": {"type": "date"},
    },
    "derived": {
        "burden": {"expression": "debt / income"},
        "age_of_account": {"expression": "months_between(opened, born)"},
        "double_burden": {"expression": "burden * 2"},
    },
}


def spec(**changes):
    return DatasetSpec.model_validate({**SPEC, **changes})


def test_what_reaches_the_model():
    tiny = spec()

    assert list(tiny.fields) == ["income", "born", "home", "debt", "opened"]
    assert tiny.number_fields == ("income", "born", "debt", "opened")
    assert tiny.category_fields == tiny.category_features == ("home",)
    assert tiny.number_features == ("income", "burden", "age_of_account", "double_burden")
    assert list(tiny.protected) == ["age"]


def test_what_training_reads():
    assert list(spec(exposure="debt").columns_read()) == [
        "loan", "debt", "bad", "income", "born", "home", "age", "opened"
    ]  # fmt: skip


def test_a_protected_column_reaches_no_model_but_age_may_with_a_justification():
    columns = {**SPEC["columns"], "age": {**SPEC["columns"]["age"]}}
    assert "age" not in spec().fields

    columns["age"]["input_justification"] = "permitted where the older are never worse off"
    assert "age" in spec(columns=columns).number_features
    assert "age" in spec(columns=columns).protected


def test_features_know_their_declaration_and_special_codes():
    tiny = spec()
    assert tiny.feature("income").unit == "EUR"
    assert tiny.feature("burden").expression == "debt / income"
    assert tiny.special_codes("income") == (-9.0,)
    assert tiny.special_codes("burden") == ()


def test_outcome_columns():
    event = {"event": "lost", "event_date": "lost_at", "horizon_months": 12}
    assert spec().outcome_columns == ("bad",)
    assert spec(bad=event, time="opened").outcome_columns == ("lost", "lost_at")
    assert isinstance(spec().bad, TargetIsBad)
    assert isinstance(spec(bad=event, time="opened").bad, EventWithinHorizon)


def test_a_schema_survives_json():
    schema = Schema.model_validate(spec().model_dump(exclude={"source"}))
    assert Schema.model_validate_json(canonical_json(schema.model_dump(mode="json"))) == schema


RULES = {
    "poor": {"when": "income < 100", "decision": "decline", "reason": "Income is low"},
    "young": {
        "when": "months_between(opened, born) < 216 or double_burden > 1",
        "decision": "review",
        "reason": "A person decides",
    },
}


def test_an_ignored_column_that_a_rule_reads_is_asked_for_but_no_model_reads_it():
    columns = {**SPEC["columns"], "limit": {"type": "number", "role": "ignore"}}
    rules = {"capped": {"when": "limit > 9", "decision": "decline", "reason": "Too high"}}

    plain, ruled = spec(columns=columns), spec(columns=columns, rules=rules)

    assert "limit" not in plain.fields
    assert list(ruled.fields) == [*plain.fields, "limit"]
    assert ruled.number_features == plain.number_features
    assert list(spec(rules=RULES).fields) == list(spec().fields)


def test_a_justified_age_may_be_ruled_on_and_no_other_protected_column():
    age = {**SPEC["columns"]["age"], "input_justification": "minors cannot make contracts"}
    rules = {"minor": {"when": "age < 18", "decision": "decline", "reason": "Too young"}}

    assert spec(columns={**SPEC["columns"], "age": age}, rules=rules).rules["minor"].names == {
        "age"
    }
    with pytest.raises(ValidationError, match="rule 'minor' uses the protected column 'age'"):
        spec(rules=rules)


def test_a_schema_of_before_there_were_rules_still_loads():
    content = spec().model_dump(mode="json", exclude={"source", "rules"})
    assert list(content)[-2:] == ["columns", "derived"]
    assert Schema.model_validate(content).rules == {}
    assert list(Schema.model_fields)[-3:] == ["columns", "derived", "rules"]


def test_rules_survive_json_in_their_order():
    schema = Schema.model_validate(spec(rules=RULES).model_dump(exclude={"source"}))
    read = Schema.model_validate_json(schema.model_dump_json())
    assert read == schema
    assert list(read.rules) == ["poor", "young"]
    assert read.rules["young"].unjudged_reason.endswith("for born, double_burden, opened")


def test_a_schema_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        spec().name = "other"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column(type="number"), "a number"),
        (Column(type="number", range=(0, None), unit="EUR"), "a number of at least 0 EUR"),
        (Column(type="integer", range=(None, 9)), "an integer of at most 9"),
        (Column(type="category"), "a text"),
        (
            Column(type="date", range=(date(2000, 1, 1), date(2001, 1, 1))),
            "a date (YYYY-MM-DD) from 2000-01-01 to 2001-01-01",
        ),
        (Column(type="number", special={-9: "a", -8: "b"}), "a number, or special code -9, -8"),
    ],
)
def test_expected_in_words(column, expected):
    assert column.expected == expected


def test_a_source_of_text_is_a_path():
    assert spec(source="data/*.csv").source == FileSource(path="data/*.csv")


def test_levels_as_a_list_and_as_numbers_become_text():
    assert Column(type="category", levels=[1, 2]).levels == {"1": "", "2": ""}
    assert Column(type="category", levels={1: "one", 2: None}).levels == {"1": "one", "2": ""}


LEVELS = st.lists(st.text().filter(str.strip), min_size=1, max_size=5, unique_by=level_text)


@settings(deadline=None)
@given(LEVELS)
def test_levels_of_any_text_survive_json(levels):
    column = Column(type="category", levels=levels)
    assert list(column.levels) == [level_text(level) for level in column.levels]
    assert Column.model_validate_json(column.model_dump_json()) == column


@settings(deadline=None)
@given(
    st.dictionaries(
        st.floats(allow_nan=False, allow_infinity=False), st.text(), min_size=1, max_size=5
    )
)
def test_special_codes_survive_json(special):
    column = Column(type="number", special=special)
    assert Column.model_validate_json(column.model_dump_json()) == column
