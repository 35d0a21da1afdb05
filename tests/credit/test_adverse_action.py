"""Reasons by hand and as properties, on margins small enough to see through."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.adverse_action import (
    Reason,
    ReasonQuality,
    missing_texts,
    reasons,
    reasons_and_quality,
)
from credit.expressions import FloatArray
from credit.features import FeatureMap, Features, Vocabulary
from credit.reasons import ReasonModel, reason_texts
from credit.spec import Schema

COLUMNS = ("income", "delay", "balance", "limit", "inquiries", "age_of_file")
SCHEMA = Schema.model_validate(
    {
        "name": "by-hand",
        "bad": {"target": "bad"},
        "columns": {
            **{name: {"type": "number", "reason": f"{name} hurts"} for name in COLUMNS},
            "inquiries": {"type": "number", "reason": "inquiries hurt", "counts_inquiries": True},
            "home": {"type": "category", "reason": "home hurts"},
        },
        "derived": {"utilisation": {"expression": "balance / limit", "reason": "balance hurts"}},
    }
)
NAMES = (*COLUMNS, "utilisation", "home")


@dataclass(frozen=True)
class Shares:
    """A margin, and how it is shared out among the features."""

    of_margin: Callable[[FloatArray], FloatArray]
    shared: Callable[[FloatArray], FloatArray]

    def margin(self, features: Features) -> FloatArray:
        return self.of_margin(joined(features))

    def attribute(self, features: Features) -> FloatArray:
        return self.shared(joined(features))


def joined(features: Features) -> FloatArray:
    return np.hstack([features.numbers, features.codes.astype(np.float64)])


def model(of_margin, shared, schema: Schema = SCHEMA) -> ReasonModel:
    """Everything usual is 0."""
    return ReasonModel(
        feature_map=FeatureMap(schema, Vocabulary((("own", "rent"),))),
        attribution=Shares(of_margin, shared),
        scale="log-odds",
        centre=np.zeros(len(NAMES)),
        base=0.0,
        reference=Features(np.zeros((1, len(NAMES) - 1)), np.zeros((1, 1), dtype=np.int64)),
        quantiles=(),
        levels=(),
    )


ADDITIVE = model(lambda values: values.sum(axis=1), lambda values: values)


def row(**values: float) -> Features:
    everything = np.array([[float(values.get(name, 0)) for name in NAMES]])
    return Features(everything[:, :-1], everything[:, -1:].astype(np.int64))


def texts(given_reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.text for reason in given_reasons]


def test_texts_are_listed_once_in_the_order_of_the_spec():
    listed = reason_texts(SCHEMA)
    assert [text.text for text in listed] == [
        "income hurts",
        "delay hurts",
        "balance hurts",
        "limit hurts",
        "inquiries hurt",
        "age_of_file hurts",
        "home hurts",
    ]
    assert listed[2].features == ("balance", "utilisation")
    assert [text.counts_inquiries for text in listed] == [False] * 4 + [True, False, False]


def test_inputs_without_a_text_are_named():
    columns = {"a": {"type": "number"}, "b": {"type": "number", "reason": "b"}}
    derived = {"c": {"expression": "a + b", "reason": "  "}}
    schema = {"name": "x", "bad": {"target": "bad"}, "columns": columns, "derived": derived}
    assert missing_texts(Schema.model_validate(schema)) == ("a", "c")
    assert missing_texts(SCHEMA) == ()


def test_the_largest_that_hurt_are_given_in_order():
    features = row(income=1, delay=5, balance=3, limit=-9, age_of_file=2, home=4)
    (given_reasons,) = reasons(ADDITIVE, features)
    assert texts(given_reasons) == [
        "delay hurts",
        "home hurts",
        "balance hurts",
        "age_of_file hurts",
    ]
    assert [reason.contribution for reason in given_reasons] == [5, 4, 3, 2]
    assert all(reason.holds for reason in given_reasons)


def test_features_with_one_text_are_one_factor():
    (given_reasons,) = reasons(ADDITIVE, row(balance=2, utilisation=2, delay=3))
    assert texts(given_reasons) == ["balance hurts", "delay hurts"]
    assert given_reasons[0].contribution == 4
    assert given_reasons[0].features == ("balance", "utilisation")
    (given_reasons,) = reasons(ADDITIVE, row(balance=2, utilisation=-2, delay=3))
    assert texts(given_reasons) == ["delay hurts"]


def test_inquiries_make_room_for_a_fifth():
    with_inquiries = row(income=5, delay=4, balance=3, limit=2, inquiries=1)
    assert len(reasons(ADDITIVE, with_inquiries)[0]) == 5
    first = row(income=4, delay=3, balance=2, limit=1, inquiries=5)
    assert len(reasons(ADDITIVE, first)[0]) == 5
    sixth = row(income=9, delay=8, balance=7, limit=6, age_of_file=5, inquiries=1)
    assert len(reasons(ADDITIVE, sixth)[0]) == 4
    without = row(income=5, delay=4, balance=3, limit=2, age_of_file=1)
    assert len(reasons(ADDITIVE, without)[0]) == 4


def test_of_equal_factors_the_first_of_the_spec_comes_first():
    (given_reasons,) = reasons(ADDITIVE, row(home=2, age_of_file=2, delay=2, income=2, limit=2))
    assert texts(given_reasons) == [
        "income hurts",
        "delay hurts",
        "limit hurts",
        "age_of_file hurts",
    ]


def worst_of(values: FloatArray) -> FloatArray:
    """The worse of income and delay, and limit: neither of the first two helps alone."""
    return np.maximum(values[:, 0], values[:, 1]) + values[:, 3]


def halved(values: FloatArray) -> FloatArray:
    worse = np.maximum(values[:, 0], values[:, 1]) / 2
    others = np.zeros((len(values), len(NAMES) - 4))
    return np.column_stack([worse, worse, np.zeros(len(values)), values[:, 3], others])


def test_a_factor_that_does_not_hold_gives_way_to_one_that_does():
    both = model(worst_of, halved)
    (given_reasons,) = reasons(both, row(income=10, delay=10, limit=1))
    assert texts(given_reasons) == ["limit hurts"]
    assert given_reasons[0].holds


def test_where_nothing_holds_the_largest_is_given_and_says_so():
    both = model(worst_of, halved)
    (given_reasons,) = reasons(both, row(income=10, delay=10))
    assert given_reasons == (
        Reason(text="income hurts", features=("income",), contribution=5.0, holds=False),
    )


def test_where_nothing_hurts_the_factor_that_helps_least_is_given():
    values = dict.fromkeys(NAMES[:-1], -2.0) | {"limit": -1.0, "home": -9.0}
    (given_reasons,) = reasons(ADDITIVE, row(**values))
    assert texts(given_reasons) == ["limit hurts"]
    assert not given_reasons[0].holds


def test_quality_counts_what_holds():
    both = model(worst_of, halved)
    held, better, none = (
        row(income=10, delay=0),
        row(income=10, delay=10, limit=1),
        row(income=10, delay=10),
    )
    features = Features(
        np.vstack([held.numbers, better.numbers, none.numbers]),
        np.vstack([held.codes, better.codes, none.codes]),
    )
    given, quality = reasons_and_quality(both, features)
    assert given == reasons(both, features)
    assert quality.applications == 3
    assert quality.largest_holds == pytest.approx(1 / 3)
    assert quality.given_hold == pytest.approx(2 / 3)
    assert quality.without_any == pytest.approx(1 / 3)
    assert quality.mean_reasons == 1


def test_where_nothing_is_declined_there_is_no_quality_to_measure():
    assert reasons_and_quality(ADDITIVE, row()[:0]) == ([], ReasonQuality(applications=0))


def test_no_rows_have_no_reasons():
    assert reasons(ADDITIVE, row()[:0]) == []


VALUES = st.lists(st.integers(-5, 5), min_size=len(NAMES), max_size=len(NAMES))


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_only_what_hurts_is_named_and_never_nothing(rows):
    values = np.array(rows, dtype=np.float64)
    features = Features(values[:, :-1], values[:, -1:].astype(np.int64))
    together = reasons(ADDITIVE, features)
    for position, given_reasons in enumerate(together):
        assert 1 <= len(given_reasons) <= 5
        sizes = [reason.contribution for reason in given_reasons]
        assert sizes == sorted(sizes, reverse=True)
        if len(given_reasons) > 1 or max(sizes) > 0:
            assert min(sizes) > 0
            assert all(reason.holds for reason in given_reasons)
        else:
            assert not given_reasons[0].holds
        if len(given_reasons) == 5:
            assert "inquiries hurt" in texts(given_reasons)
        assert reasons(ADDITIVE, features[position : position + 1]) == [given_reasons]


@given(VALUES, st.sampled_from([name for name in NAMES if name not in ("balance", "utilisation")]))
def test_a_planted_driver_comes_first(values, driver):
    planted = dict(zip(NAMES, values, strict=True)) | {driver: 100}
    (given_reasons,) = reasons(ADDITIVE, row(**planted))
    assert given_reasons[0].features == (driver,)
