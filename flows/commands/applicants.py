"""One application out of a data set, as a client would send it."""

from datetime import date

import pandas as pd

from configs.datasets import load_spec, resolve_source
from credit.labels import label
from credit.plan import SplitPlan
from credit.spec import Column, Schema
from credit.splits import split
from credit.validation import validate
from tasks.sources import read_rows


def test_applicant(dataset: str, plan: SplitPlan) -> dict[str, object]:
    """The fields of the first row of a data set's test part."""
    spec = load_spec(dataset)
    rows = validate(read_rows(resolve_source(spec), spec), spec).rows
    part = split(rows, label(rows, spec), spec, plan).part
    return as_json(rows[part == "test"].iloc[0], spec)


def as_json(row: pd.Series, schema: Schema) -> dict[str, object]:
    """A validated row's fields as JSON has them; missing is null."""
    return {name: _value(row[name], column) for name, column in schema.fields.items()}


def _value(value: object, column: Column) -> object:
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    if column.type == "integer":
        return int(value)  # type: ignore[call-overload]
    if isinstance(value, date):
        return value.isoformat()[:10]
    return value
