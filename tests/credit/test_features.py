import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.features import (
    FeatureMap,
    Vocabulary,
    from_fields,
    from_frame,
    number_features,
)
from credit.spec import DatasetSpec
from credit.validation import validate

SPEC = DatasetSpec.model_validate(
    {
        "name": "tiny",
        "source": {"path": "tiny.csv"},
        "bad": {"target": "bad"},
        "columns": {
            "delay": {"type": "integer", "special": {-2: "no use", -1: "paid"}},
            "home": {"type": "category"},
            "applied": {"type": "date"},
            "opened": {"type": "date"},
            "limit": {"type": "number", "role": "ignore"},
            "sex": {"type": "category", "role": "protected"},
        },
        "derived": {
            "late": {"expression": "coalesce(delay, 0)", "monotone": "increasing"},
            "later": {"expression": "late * 2"},
            "relation_months": {"expression": "months_between(applied, opened)"},
            "delay_to_limit": {"expression": "delay / limit"},
        },
    }
)

FRAME = pd.DataFrame(
    {
        "delay": [-2, 3, None],
        "home": ["rent", None, " own "],
        "applied": ["2020-01-31", "2020-03-01", None],
        "opened": ["2020-01-01", "1969-12-31", "2020-01-01"],
        "limit": [10, 0, 5],
        "sex": [1, 2, 1],
        "bad": [0, 1, 0],
    }
)


def test_raw_fields_of_a_frame():
    raw = from_frame(validate(FRAME, SPEC).rows, SPEC)

    np.testing.assert_array_equal(
        raw.numbers,
        [[-2, 18292, 18262, 10], [3, 18322, -1, 0], [np.nan, np.nan, 18262, 5]],
    )
    assert raw.categories.tolist() == [["rent"], [""], ["own"]]


def test_derived_columns_see_special_codes_as_missing_and_the_model_sees_them():
    raw = from_frame(validate(FRAME, SPEC).rows, SPEC)

    assert SPEC.number_features == ("delay", "late", "later", "relation_months", "delay_to_limit")
    np.testing.assert_allclose(
        number_features(SPEC, raw.numbers),
        [
            [-2, 0, 0, 30 / 30.4375, np.nan],
            [3, 3, 6, 18323 / 30.4375, np.nan],
            [np.nan, 0, 0, np.nan, np.nan],
        ],
        rtol=1e-15,
    )


def test_one_application_is_a_frame_of_one_row():
    rows = validate(FRAME, SPEC).rows
    frame = from_frame(rows, SPEC)
    for position in range(len(rows)):
        fields = {
            name: None if pd.isna(value) else value.date() if hasattr(value, "date") else value
            for name, value in rows.iloc[position].items()
        }
        alone = from_fields(fields, SPEC)
        np.testing.assert_array_equal(alone.numbers[0], frame.numbers[position])
        assert alone.categories[0].tolist() == frame.categories[position].tolist()


def test_rare_levels_are_pooled_and_the_rest_numbered_in_order():
    column = np.array([["b"], ["b"], ["a"], ["a"], ["rare"], [""], [""]], dtype=object)
    vocabulary = Vocabulary.fit(column, fewest_rows=2)

    assert vocabulary.levels == (("a", "b"),)
    assert vocabulary.encode(column).ravel().tolist() == [3, 3, 2, 2, 1, 0, 0]
    assert vocabulary.encode(np.array([["new"]], dtype=object)).tolist() == [[1]]


def test_the_layout_follows_the_columns():
    mapping = FeatureMap(SPEC, Vocabulary((("own", "rent"),)))
    features = mapping(from_frame(validate(FRAME, SPEC).rows, SPEC))

    assert [n.name for n in mapping.layout.numbers] == list(SPEC.number_features)
    assert mapping.layout.numbers[0].special_codes == (-2.0, -1.0)
    assert mapping.layout.numbers[1].monotone == "increasing"
    assert [(c.name, c.codes) for c in mapping.layout.categories] == [("home", 4)]
    assert features.numbers.shape == (3, 5)
    assert features.codes.tolist() == [[3], [0], [2]]


def test_a_schema_of_categories_only():
    spec = DatasetSpec.model_validate(
        {
            "name": "words",
            "source": {"path": "x.csv"},
            "bad": {"target": "bad"},
            "columns": {"home": {"type": "category"}},
        }
    )
    raw = from_frame(validate(pd.DataFrame({"home": ["a"], "bad": [0]}), spec).rows, spec)
    assert number_features(spec, raw.numbers).shape == (1, 0)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab \x00é", max_size=2), min_size=1, max_size=30))
def test_every_code_is_in_range_and_known_levels_keep_apart(texts):
    column = np.array(texts, dtype=object).reshape(-1, 1)
    vocabulary = Vocabulary.fit(column, fewest_rows=1)
    codes = vocabulary.encode(column).ravel()

    assert codes.max() < 2 + len(vocabulary.levels[0])
    pairs = set(zip(texts, codes.tolist(), strict=True))
    assert len(pairs) == len(set(texts)) == len({code for _, code in pairs})
