"""One application in process."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from credit.features import from_fields, from_frame
from credit.package import PackageError
from credit.scoring import Scorer
from credit.training import train_family
from tests import awkward


@pytest.fixture(scope="module")
def scorer():
    development = awkward.development(600)
    family = train_family("woe_logistic", awkward.preset(), development, awkward.plan())
    return Scorer(awkward.SCHEMA, family.graph)


def test_a_dict_of_fields_scores_as_its_row_does(scorer):
    frame, _ = awkward.rows(50)
    expected = scorer.probabilities(from_frame(frame, awkward.SCHEMA))
    for position, row in enumerate(frame.to_dict("records")):
        fields = {
            name: None
            if pd.isna(value)
            else value.date()
            if isinstance(value, pd.Timestamp)
            else value
            for name, value in row.items()
        }
        assert scorer.probability(fields) == expected[position]


def test_a_probability_has_six_decimals(scorer):
    frame, _ = awkward.rows(200)
    probabilities = scorer.probabilities(from_frame(frame, awkward.SCHEMA))
    assert (np.round(probabilities, 6) == probabilities).all()
    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_absent_fields_are_missing(scorer):
    assert scorer.probability({}) == scorer.probability({"income": None, "home": ""})


def test_a_date_is_a_day_number():
    fields = {"applied": date(1970, 1, 11), "opened": date(1969, 12, 31)}
    numbers = from_fields(fields, awkward.SCHEMA).numbers[0]
    by_name = dict(zip(awkward.SCHEMA.number_fields, numbers, strict=True))
    assert (by_name["applied"], by_name["opened"]) == (10.0, -1.0)


def test_more_rows_than_a_batch_keep_their_order(scorer):
    frame, _ = awkward.rows(9000)
    whole = from_frame(frame, awkward.SCHEMA)
    assert scorer.probabilities(whole)[-5:].tolist() == scorer.probabilities(whole[-5:]).tolist()


def test_no_rows_give_no_probabilities(scorer):
    frame, _ = awkward.rows(5)
    assert len(scorer.probabilities(from_frame(frame.iloc[:0], awkward.SCHEMA))) == 0


def test_a_graph_that_does_not_load_says_so(scorer):
    with pytest.raises(PackageError, match="the graph does not load"):
        Scorer(scorer.schema, b"no graph")
