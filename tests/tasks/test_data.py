import pandas as pd
import pytest
from prefect.logging import disable_run_logger
from prefect.states import Failed
from sqlalchemy import create_engine

from credit.spec import DatasetSpec, FileSource, SqlSource
from credit.validation import RowsError
from tasks.data import _is_transient, check, read
from tasks.sources import SourceError, fingerprint

SPEC = DatasetSpec.model_validate(
    {
        "name": "tiny",
        "source": {"path": "none.csv"},
        "bad": {"target": "bad"},
        "columns": {"age": {"type": "integer", "range": [18, 99]}},
    }
)
FRAME = pd.DataFrame({"age": [30, 17, 40, 50], "bad": [0, 1, 1, 0]})


def test_rejected_rows_are_set_aside_with_their_reasons(tmp_path):
    path = tmp_path / "deep" / "quarantine.csv"
    with disable_run_logger():
        checked = check.fn(FRAME, SPEC, 0.25, path)
    assert sorted(checked.rows["age"]) == [30, 40, 50]
    assert (checked.rejected, checked.rejected_share, checked.quarantine) == (1, 0.25, path)
    assert checked.fingerprint == fingerprint(checked.rows)
    (line,) = pd.read_csv(path).to_dict("records")
    assert line["row"] == 2
    assert line["reasons"] == "age: got 17, expected an integer from 18 to 99"


def test_rows_in_another_order_are_the_same_data(tmp_path):
    with disable_run_logger():
        one = check.fn(FRAME, SPEC, 0.5, tmp_path / "one.csv")
        other = check.fn(FRAME[::-1], SPEC, 0.5, tmp_path / "other.csv")
    pd.testing.assert_frame_equal(one.rows, other.rows)
    assert one.fingerprint == other.fingerprint


def test_clean_rows_leave_no_quarantine(tmp_path):
    with disable_run_logger():
        checked = check.fn(FRAME.drop(1), SPEC, 0.0, tmp_path / "quarantine.csv")
    assert checked.quarantine is None
    assert not list(tmp_path.iterdir())


def test_too_many_rejected_rows_stop_the_run_but_are_kept(tmp_path):
    path = tmp_path / "quarantine.csv"
    message = r"1 of 4 rows \(25\.0%\) were rejected, more than 20\.0%; see the reasons in .*csv"
    with disable_run_logger(), pytest.raises(RowsError, match=message):
        check.fn(FRAME, SPEC, 0.2, path)
    assert len(pd.read_csv(path)) == 1


def failure_of(source):
    with disable_run_logger(), pytest.raises(SourceError) as caught:
        read.fn(source, SPEC)
    return Failed(data=caught.value)


def test_only_a_database_out_of_reach_is_tried_again(tmp_path):
    assert not _is_transient(None, None, failure_of(FileSource(path="none.csv")))
    away = SqlSource(url="postgresql+psycopg://127.0.0.1:9/none", query="SELECT 1")
    assert _is_transient(None, None, failure_of(away))


def test_reading_a_query(tmp_path):
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    FRAME.to_sql("rows", create_engine(url), index=False)
    with disable_run_logger():
        rows = read.fn(SqlSource(url=url, query="SELECT * FROM rows"), SPEC)
    pd.testing.assert_frame_equal(rows, FRAME)
