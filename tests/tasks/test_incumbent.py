"""The model in production on a challenger's rows, or why it cannot be compared with."""

import pandas as pd
import pytest

from credit.package import PackageError
from credit.spec import Schema
from tasks.incumbent import _scores
from tests import tiny

ROWS = pd.DataFrame(
    {
        "status": ["2", "3"],
        "duration": [24.0, 12.0],
        "amount": [3500.5, 900.0],
        "bureau score": [612.0, -9.0],
        "purpose": ["car", None],
        "applied": pd.to_datetime(["2024-05-17", "2024-05-18"]),
        "opened": pd.to_datetime(["2019-11-02", None]),
    }
)


def spec(**columns: dict[str, object]) -> Schema:
    given = tiny.SCHEMA.model_dump(mode="json", exclude_unset=True)
    return Schema.model_validate(given | {"columns": given["columns"] | columns})


def test_it_is_scored_and_decided_by_its_own_policy():
    found = _scores(tiny.package(), ROWS, spec(duration={"type": "number"}))
    assert found.decisions.decision.tolist() == [
        "approve" if pd < 0.2 else "review" if pd < 0.4 else "decline" for pd in found.probability
    ]


def test_a_column_that_is_gone_is_named():
    with pytest.raises(PackageError, match="it reads purpose, which the spec no longer has"):
        _scores(tiny.package(), ROWS.drop(columns="purpose"), tiny.SCHEMA)


def test_a_column_of_another_type_is_named():
    """The number 2 as a text is no level 2."""
    changed = ROWS.assign(status=[2.0, 3.0])
    with pytest.raises(PackageError, match="it reads status, whose type the spec has changed"):
        _scores(tiny.package(), changed, spec(status={"type": "number"}))
