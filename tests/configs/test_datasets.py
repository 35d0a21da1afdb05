from pathlib import Path

import pytest

from configs.datasets import load_spec, resolve_source, spec_names
from configs.settings import ROOT
from credit.names import protected_attribute, sounds_like_outcome
from credit.spec import FileSource, SpecError, SqlSource

INVALID = sorted((Path(__file__).parent / "invalid").glob("*.yaml"))
SPECS = ("german-credit", "lendingclub-2007-2011", "taiwan-default")


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_spec_gives_one_line_with_file_key_and_remedy(path):
    expected = path.read_text().splitlines()[0].removeprefix("# expect: ")

    with pytest.raises(SpecError) as caught:
        load_spec(str(path))

    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert expected in message
    assert "\n" not in message


def test_the_specs_that_come_with_the_project_are_found_by_name():
    assert spec_names() == list(SPECS)
    assert [load_spec(name).name for name in SPECS] == list(SPECS)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SpecError, match=r"'taiwan' not found.*german-credit, .*, taiwan-default"):
        load_spec("taiwan")


@pytest.mark.parametrize("name", SPECS)
def test_every_feature_tells_a_declined_applicant_why(name):
    spec = load_spec(name)
    features = (*spec.number_features, *spec.category_features)

    assert [feature for feature in features if not spec.feature(feature).reason] == []
    assert [feature for feature in features if not spec.feature(feature).description] == []


@pytest.mark.parametrize("name", SPECS)
def test_every_spec_has_a_few_rules_that_ask_applicants_for_nothing_more(name):
    spec = load_spec(name)

    assert {rule.decision for rule in spec.rules.values()} == {"decline", "review"}
    assert all(rule.description for rule in spec.rules.values())
    assert spec.fields == spec.model_copy(update={"rules": {}}).fields


@pytest.mark.parametrize("name", SPECS)
def test_no_feature_is_protected_by_its_name_or_sounds_like_an_outcome(name):
    spec = load_spec(name)
    features = (*spec.number_features, *spec.category_features)

    assert [feature for feature in features if protected_attribute(feature)] == []
    assert [feature for feature in features if sounds_like_outcome(feature)] == []


def test_nobody_is_advised_to_owe_more():
    columns = load_spec("taiwan-default").columns

    changeable = {name for name, column in columns.items() if column.changeable}
    assert not {name for name in columns if name.startswith("BILL_AMT")} & changeable
    assert {"PAY_0", "PAY_AMT1"} <= changeable


def test_protected_columns_of_the_sample_data():
    taiwan = {name: c.attribute for name, c in load_spec("taiwan-default").protected.items()}
    german = {name: c.attribute for name, c in load_spec("german-credit").protected.items()}

    assert taiwan == {"SEX": "sex", "MARRIAGE": "marital_status", "AGE": "age"}
    assert german == {
        "personal_status_and_sex": "sex",
        "age_in_years": "age",
        "foreign_worker": "nationality",
    }


def test_the_lendingclub_model_reads_no_verdict_of_the_lender():
    fields = load_spec("lendingclub-2007-2011").fields

    assert {"int_rate", "grade", "sub_grade", "installment", "zip_code", "addr_state"}.isdisjoint(
        fields
    )
    assert "issue_d" in fields  # the length of the credit history is counted from it


def test_yes_and_no_are_words_and_true_is_a_truth_value(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(
        "name: tiny\nsource: {path: tiny.csv}\nbad: {target: bad, bad_value: true}\n"
        "columns: {phone: {type: category, levels: [yes, no]}}\n"
    )

    spec = load_spec(str(path))

    assert list(spec.columns["phone"].levels) == ["yes", "no"]
    assert spec.bad.bad_value is True


def test_merged_keys_may_be_overridden(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(
        "name: tiny\nsource: {path: tiny.csv}\nbad: {target: bad}\n"
        "columns:\n  a: &a {type: number, unit: EUR}\n  b: {<<: *a, unit: USD}\n"
    )

    assert [column.unit for column in load_spec(str(path)).columns.values()] == ["EUR", "USD"]


def test_a_source_is_filled_in_from_the_environment(monkeypatch):
    spec = load_spec("lendingclub-2007-2011")
    monkeypatch.setenv("CREDITLOOP_LENDINGCLUB", "/data/loans.parquet")
    assert resolve_source(spec) == FileSource(path="/data/loans.parquet")

    monkeypatch.delenv("CREDITLOOP_LENDINGCLUB")
    assert resolve_source(spec, "other.csv") == FileSource(path="other.csv")
    with pytest.raises(SpecError, match="CREDITLOOP_LENDINGCLUB; set it or give --data"):
        resolve_source(spec)


@pytest.mark.parametrize(
    "source",
    [
        "postgresql://me:s3cret@db/loans",
        "{ulr: 'postgresql://me:s3cret@db/loans', query: SELECT 1}",
        "{url: ['postgresql://me:s3cret@db/loans'], query: SELECT 1}",
        "['postgresql://me:s3cret@db/loans']",
        "{url: 'postgresql://me:s3cret@db/loans', query: SELECT 1: 2}",
        "{url: 'postgresql://me:s3cret@db/loans'",
    ],
)
def test_a_wrong_source_does_not_show_its_password(source, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(
        f"name: tiny\nsource: {source}\nbad: {{target: bad}}\n"
        "columns: {income: {type: number}}\n"
    )

    with pytest.raises(SpecError, match=r"yaml: (source|cannot be read as YAML: line)") as caught:
        load_spec(str(path))

    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def named(folder, path):
    """A spec in `folder` whose source is the file `path`."""
    file = folder / "spec.yaml"
    file.write_text(
        f"name: tiny\nsource: {path}\nbad: {{target: bad}}\ncolumns: {{income: {{type: number}}}}\n"
    )
    return load_spec(str(file)).source.path


def test_a_relative_path_is_looked_up_beside_the_spec_and_then_here(tmp_path, monkeypatch):
    here, specs = tmp_path / "here", tmp_path / "specs"
    for folder in (here, specs):
        folder.mkdir()
        (folder / "both-1.csv").touch()
    (here / "only-here.csv").touch()
    monkeypatch.chdir(here)

    assert named(specs, "both-1.csv") == str(specs / "both-1.csv")
    assert named(specs, "both-*.csv") == str(specs / "both-*.csv")
    assert named(specs, "only-here.csv") == "only-here.csv"
    assert named(specs, "nowhere.csv") == "nowhere.csv"
    assert named(specs, str(here / "both-1.csv")) == str(here / "both-1.csv")
    assert named(specs, "${LOANS}/both-1.csv") == "${LOANS}/both-1.csv"


def test_a_namesake_does_not_take_the_place_of_the_data_that_come_with_the_project(
    tmp_path, monkeypatch
):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "german-credit.csv").touch()
    monkeypatch.chdir(tmp_path)

    source = resolve_source(load_spec("german-credit"))

    assert source == FileSource(path=str(ROOT / "data" / "german-credit.csv"))


def test_a_url_is_filled_in_and_the_query_left_alone(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "s3cret")
    source = SqlSource(url="postgresql://me:${DB_PASSWORD}@db/loans", query="select '${X}'")
    spec = load_spec("german-credit").model_copy(update={"source": source})

    assert resolve_source(spec) == SqlSource(
        url="postgresql://me:s3cret@db/loans", query="select '${X}'"
    )
