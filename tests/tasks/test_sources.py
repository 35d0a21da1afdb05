import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine

from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.labels import label
from credit.leakage import leakage_warnings
from credit.spec import DatasetSpec, FileSource, SqlSource
from credit.splits import in_fixed_order, split
from credit.validation import validate
from tasks.sources import SourceError, fingerprint, read_rows

SPEC = DatasetSpec.model_validate(
    {
        "name": "tiny",
        "source": {"path": "tiny.csv"},
        "id": "loan",
        "time": "opened",
        "bad": {"target": "bad"},
        "columns": {
            "income": {"type": "number"},
            "visits": {"type": "integer"},
            "state": {"type": "category"},
            "phone": {"type": "category"},
            "opened": {"type": "date", "role": "ignore"},
        },
    }
)

FRAME = pd.DataFrame(
    {
        "loan": [1, 2, 3, 4],
        "income": [1000.5, 0.1, None, -3.0],
        "visits": [1, None, 3, 4],
        "state": ["NA", "n/a, or: 'none'", "ü", None],
        "phone": ["01", "2", "3", ""],
        "opened": pd.to_datetime(["2020-01-01", "2020-02-29", "2020-03-01", "2021-12-31"]),
        "bad": [0, 1, 0, 1],
        "unnamed": ["x"] * 4,
    }
)


def as_csv(folder):
    FRAME.to_csv(folder / "rows.csv", index=False)
    return FileSource(path=str(folder / "rows.csv"))


def as_gzip(folder):
    FRAME.to_csv(folder / "rows.csv.gz", index=False)
    return FileSource(path=str(folder / "rows.csv.gz"))


def as_parquet(folder):
    FRAME.to_parquet(folder / "rows.parquet")
    return FileSource(path=str(folder / "rows.parquet"))


def as_parquet_of_other_types(folder):
    odd = FRAME.astype({"loan": "str", "state": "category", "visits": "Int64", "bad": "bool"})
    odd.assign(opened=odd["opened"].dt.date).to_parquet(folder / "odd.parquet", index=True)
    return FileSource(path=str(folder / "odd.parquet"))


def as_parts(folder):
    FRAME[2:].to_csv(folder / "part-2.csv", index=False)
    FRAME[:2].to_parquet(folder / "part-1.parquet")
    return FileSource(path=str(folder / "part-*"))


def as_sql(folder):
    url = f"sqlite:///{folder / 'rows.db'}"
    FRAME.to_sql("rows", create_engine(url), index=False)
    return SqlSource(url=url, query="SELECT * FROM rows WHERE '10:30' <> ':x' ORDER BY loan")


SOURCES = [as_csv, as_gzip, as_parquet, as_parquet_of_other_types, as_parts, as_sql]


@pytest.mark.parametrize("make", SOURCES)
def test_every_kind_of_source_gives_the_same_rows_and_fingerprint(make, tmp_path):
    checked = validate(read_rows(make(tmp_path), SPEC), SPEC)
    expected = validate(FRAME, SPEC).rows

    assert checked.rejected.empty
    if make is as_parquet_of_other_types:
        assert checked.rows["bad"].tolist() == ["False", "True", "False", "True"]
        assert label(checked.rows, SPEC).bad.tolist() == [0, 1, 0, 1]
        checked.rows["bad"] = expected["bad"]
    pd.testing.assert_frame_equal(checked.rows, expected)
    assert fingerprint(checked.rows) == fingerprint(expected)


def test_a_word_for_missing_is_a_level_in_a_category_and_missing_in_a_number(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("loan,income,visits,state,phone,opened,bad\n1,NA,.,NA,NA,2020-01-01,0\n")

    rows = validate(read_rows(FileSource(path=str(path)), SPEC), SPEC).rows

    assert rows[["state", "phone"]].values.tolist() == [["NA", "NA"]]
    assert rows[["income", "visits"]].isna().all(axis=None)


def test_one_wrong_field_leaves_the_others_of_its_column_as_they_are(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        'loan,income,visits,state,phone,opened,bad\n1,10,1,a,b,2020-01-01,0\n2,"1,000",2,a,b,x,1\n'
    )

    checked = validate(read_rows(FileSource(path=str(path)), SPEC), SPEC)

    assert checked.rows["income"].tolist() == [10.0]
    assert checked.rejected["reasons"].tolist() == [
        "opened: got 'x', expected a date (YYYY-MM-DD); income: got '1,000', expected a number"
    ]


def test_only_named_columns_are_read_unless_one_is_missing(tmp_path):
    for make in (as_csv, as_parquet):
        assert "unnamed" not in read_rows(make(tmp_path), SPEC)
        other = SPEC.model_copy(update={"id": "loan_id"})
        assert "unnamed" in read_rows(make(tmp_path), other)


def test_without_a_spec_all_columns_are_read_and_csv_as_text(tmp_path):
    rows = read_rows(as_csv(tmp_path))
    assert list(rows.columns) == list(FRAME.columns)
    assert rows["income"].tolist()[:2] == ["1000.5", "0.1"]
    assert rows["phone"].tolist()[:3] == ["01", "2", "3"]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    FRAME.to_csv(tmp_path / "rows.csv", index=False, encoding="utf-8-sig")
    assert "loan" in read_rows(FileSource(path=str(tmp_path / "rows.csv")), SPEC)


def test_numbers_are_the_same_to_the_last_bit_from_csv_and_parquet(tmp_path):
    random = np.random.default_rng(0)
    numbers = random.random(20_000) * 10.0 ** random.integers(-3, 7, 20_000)
    frame = pd.DataFrame(
        {"loan": range(20_000), "income": numbers, "visits": 1, "state": "a", "phone": "b"}
    ).assign(opened="2020-01-01", bad=0)
    written = frame.assign(income=[f"{number:.17g}" for number in numbers])
    written.to_csv(tmp_path / "rows.csv", index=False)

    for spec in (SPEC, None):  # without a spec the numbers are read as text
        rows = read_rows(FileSource(path=str(tmp_path / "rows.csv")), spec)
        assert validate(rows, SPEC).rows["income"].tolist() == numbers.tolist()


def test_a_file_may_end_in_blank_lines_and_fields_may_hold_line_ends(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,"2\n\n3"\n4,5\n\n\n')
    assert read_rows(FileSource(path=str(path))).values.tolist() == [["1", "2\n\n3"], ["4", "5"]]


def test_a_csv_with_gaps_has_the_levels_of_the_others(tmp_path):
    frame = FRAME.assign(state=[1.0, None, 2.0, 1.0], phone=[True, False, True, False])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")

    for name in ("rows.csv", "rows.parquet"):
        rows = validate(read_rows(FileSource(path=str(tmp_path / name)), SPEC), SPEC).rows
        assert rows["state"].tolist() == ["1", None, "2", "1"]
        assert rows["phone"].tolist() == ["True", "False", "True", "False"]


def test_a_relative_path_is_taken_from_here(tmp_path, monkeypatch):
    as_csv(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(read_rows(FileSource(path="rows.csv"), SPEC)) == 4
    with pytest.raises(SourceError, match=r"data/german-credit.csv does not exist"):
        read_rows(FileSource(path="data/german-credit.csv"))


def damaged_parquet(folder):
    as_parquet(folder)
    content = (folder / "rows.parquet").read_bytes()
    (folder / "rows.parquet").write_bytes(content[: len(content) // 2])


def damaged_gzip(folder):
    as_gzip(folder)
    content = (folder / "rows.csv.gz").read_bytes()
    (folder / "rows.csv.gz").write_bytes(content[:-20])


def different_parts(folder):
    (folder / "part-1.csv").write_text("a,b\n1,2\n")
    (folder / "part-2.csv").write_text("a,c\n1,2\n")


BROKEN = {
    "none.csv": (lambda folder: None, "does not exist; give the path of a csv"),
    "no-*.csv": (lambda folder: None, "does not exist"),
    "folder": (lambda folder: (folder / "folder").mkdir(), "is a folder; name a file"),
    "empty.csv": (lambda folder: (folder / "empty.csv").touch(), "is empty; expected a header"),
    "empty.parquet": (lambda folder: (folder / "empty.parquet").touch(), "is empty"),
    "empty.csv.gz": (
        lambda folder: (folder / "empty.csv.gz").write_bytes(gzip.compress(b"")),
        "is empty; expected a header",
    ),
    "blank.csv": (lambda folder: (folder / "blank.csv").write_text("\n\n"), "is empty"),
    "header.csv": (lambda folder: (folder / "header.csv").write_text("a,b\n"), "but no rows"),
    "header.parquet": (
        lambda folder: FRAME[:0].to_parquet(folder / "header.parquet"),
        "but no rows",
    ),
    "rows.xlsx": (
        lambda folder: (folder / "rows.xlsx").write_bytes(b"PK"),
        "of an unknown kind; expected one of .csv, .csv.gz, .parquet",
    ),
    "rows.parquet": (damaged_parquet, "cannot be read as parquet"),
    "rows.csv.gz": (damaged_gzip, "cannot be read as comma-separated text"),
    "text.csv.gz": (
        lambda folder: (folder / "text.csv.gz").write_text("a,b\n1,2\n"),
        "cannot be read as comma-separated text",
    ),
    "long.csv": (
        lambda folder: (folder / "long.csv").write_text("a,b\n1,2\n1,2,3\n"),
        "long.csv: line 3 has 3 fields and the header 2",
    ),
    "longer.csv": (
        lambda folder: (folder / "longer.csv").write_text("a,b\n1,2,3\n4,5,6\n"),
        "longer.csv: line 2 has 3 fields and the header 2",
    ),
    "cut.csv": (
        lambda folder: (folder / "cut.csv").write_text('a,b,c\n1,"2\n",3\n4,5'),
        "cut.csv: line 4 has 2 fields and the header 3; mend it, or fetch the file anew",
    ),
    "blank-line.csv": (
        lambda folder: (folder / "blank-line.csv").write_text("a,b\n1,2\n\n\n3,4\n"),
        "blank-line.csv: line 3 is blank; remove it",
    ),
    "quote.csv": (
        lambda folder: (folder / "quote.csv").write_text('a,b\n1,"2\n'),
        "cannot be read as comma-separated text",
    ),
    "twice.csv": (
        lambda folder: (folder / "twice.csv").write_text("a,b,a\n1,2,3\n"),
        "has several columns named a; rename them",
    ),
    "latin.csv": (
        lambda folder: (folder / "latin.csv").write_bytes("a,b\n1,é\n".encode("latin-1")),
        "is not UTF-8 text; save it as UTF-8",
    ),
    "part-*": (different_parts, "do not have the same columns: only one of them has b, c"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("spec", [SPEC, None], ids=["spec", "no spec"])
def test_a_broken_file_gives_one_line(name, spec, tmp_path):
    prepare, expected = BROKEN[name]
    prepare(tmp_path)

    with pytest.raises(SourceError) as caught:
        read_rows(FileSource(path=str(tmp_path / name)), spec)

    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        ("no url", "SELECT 1", "is no database URL"),
        ("sqlite:///{folder}/none.db", "SELECT 1", "none.db does not exist"),
        ("sqlite:///{folder}/rows.db", "SELECT x FROM rows", "the query: no such column: x"),
        ("sqlite:///{folder}/rows.db", "SELEKT 1", "did not answer the query"),
        ("sqlite:///{folder}/rows.db", "SELECT * FROM rows WHERE loan = 9", "returned no rows"),
        ("unknowndb://host/x", "SELECT 1", "did not answer the query"),
        (
            "postgresql+psycopg://me:s3cret@127.0.0.1:1/x?connect_timeout=2",
            "SELECT 1",
            "postgresql+psycopg://me:***@127.0.0.1:1/x did not",
        ),
        (
            "postgresql+psycopg://127.0.0.1:1/x?connect_timeout=2&user=me&password=s3cret",
            "SELECT 1",
            "postgresql+psycopg://127.0.0.1:1/x did not",
        ),
        (
            "postgresql+psycopg://127.0.0.1:1/x?s3cret=s3cret",
            "SELECT 1",
            "postgresql+psycopg://127.0.0.1:1/x did not",
        ),
    ],
)  # fmt: skip
def test_a_failing_query_gives_one_line_without_the_password(url, query, expected, tmp_path):
    as_sql(tmp_path)

    with pytest.raises(SourceError) as caught:
        read_rows(SqlSource(url=url.format(folder=tmp_path), query=query), SPEC)

    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert not (tmp_path / "none.db").exists()


def test_the_fingerprint_is_of_contents_and_their_order():
    base = pd.DataFrame({"x": [1.0, np.nan], "y": ["a", None]})

    assert fingerprint(base) == fingerprint(base[["y", "x"]].astype({"y": object}))
    assert fingerprint(base) == fingerprint(base.set_index(pd.Index([5, 6])))
    for other in (
        base[::-1],
        base.rename(columns={"y": "z"}),
        base.assign(x=[1.0, 0.0]),
        base.assign(x=[1.0 + 1e-15, np.nan]),
        base.assign(y=["a", "b"]),
        base.assign(y=["a", ""]),
        base[:1],
        base.assign(z=1),
    ):
        assert fingerprint(other) != fingerprint(base)


@pytest.mark.parametrize("identity", ["loan", None])
def test_rows_that_a_database_returns_in_any_order_have_one_fingerprint(identity, tmp_path):
    source, spec = as_sql(tmp_path), SPEC.model_copy(update={"id": identity})

    def fingerprint_by(order):
        query = f"SELECT * FROM rows ORDER BY {order}"  # noqa: S608 the order is a test's own
        rows = validate(read_rows(SqlSource(url=source.url, query=query), spec), spec).rows
        return fingerprint(in_fixed_order(rows, spec))

    found = {fingerprint_by(order) for order in ("loan", "loan DESC", "income", "state, phone")}
    assert len(found) == 1


def test_large_data_stays_small_in_memory(tmp_path):
    """150,000 rows of 60 columns, read and validated, in a process of its own."""
    random = np.random.default_rng(0)
    rows = 150_000
    numbers = {f"n{i}": random.normal(size=rows).round(3) for i in range(50)}
    categories = {f"c{i}": random.choice(["own", "rent", "other"], rows) for i in range(10)}
    frame = pd.DataFrame({**numbers, **categories, "bad": random.integers(0, 2, rows)})
    frame.to_parquet(tmp_path / "rows.parquet")
    script = """
import resource, sys
import pandas as pd
from credit.spec import DatasetSpec, FileSource
from credit.validation import validate
from tasks.sources import fingerprint, read_rows
kinds = {**{f"n{i}": "number" for i in range(50)}, **{f"c{i}": "category" for i in range(10)}}
spec = DatasetSpec.model_validate({"name": "large", "source": {"path": sys.argv[1]},
    "bad": {"target": "bad"}, "columns": {n: {"type": k} for n, k in kinds.items()}})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
checked = validate(read_rows(spec.source, spec), spec)
fingerprint(checked.rows)
assert len(checked.rows) == 150_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "rows.parquet")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert float(done.stdout) < 700  # MB; the numbers alone are 60


@pytest.mark.parametrize("name", ["taiwan-default", "german-credit"])
def test_the_sample_data_pass_without_a_rejected_row(name):
    spec = load_spec(name)
    checked = validate(read_rows(resolve_source(spec), spec), spec)
    assert checked.rejected.empty

    labels = label(checked.rows, spec)
    found = split(checked.rows, labels, spec, load_settings().training.splits)
    assert labels.bad.mean() == pytest.approx({"t": 0.2212, "g": 0.3}[name[0]])
    assert found.warnings == ()
    warnings = leakage_warnings(checked.rows, labels.bad, found.part, spec)
    assert [warning for warning in warnings if "alone" in warning or "name" in warning] == []


@pytest.mark.lendingclub
def test_lendingclub_is_split_out_of_time_and_without_looking_ahead():
    spec = load_spec("lendingclub-2007-2011")
    source = resolve_source(spec, os.environ["CREDITLOOP_LENDINGCLUB"])
    checked = validate(read_rows(source, spec), spec)
    assert checked.rejected.empty

    rows, labels = checked.rows, label(checked.rows, spec)
    assert labels.bad.mean() == pytest.approx(0.059, abs=0.0005)
    found = split(rows, labels, spec, load_settings().training.splits)

    issued = rows["issue_d"].groupby(found.part).agg(["min", "max"])
    horizon = pd.DateOffset(months=18)
    start = issued.loc["test", "min"]
    assert found.summary["test"].rows / len(rows) == pytest.approx(0.2, abs=0.02)
    assert (issued.loc[["train", "validation"], "max"] + horizon <= start).all()
    assert issued.loc["gap", "min"] + horizon > start
    assert leakage_warnings(rows, labels.bad, found.part, spec) == ()
