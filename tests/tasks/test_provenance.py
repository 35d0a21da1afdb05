import pytest

from configs.datasets import load_spec
from configs.settings import SettingsError, load_settings
from credit.package import Contents, Package
from credit.spec import FileSource
from tasks.provenance import provenance, schema_sum, training_warnings
from tests import tiny

FAMILIES = ("woe_logistic", "xgboost")


@pytest.fixture
def spec():
    return load_spec("german-credit")


def made_from(spec, settings, families=FAMILIES):
    return provenance(spec, settings, "quick", families, "data")


def test_where_things_lie_does_not_count(spec, tmp_path):
    moved = spec.model_copy(update={"source": FileSource(path="/elsewhere.csv")})
    assert made_from(spec, load_settings()) == made_from(moved, load_settings(home=tmp_path))


def test_what_decides_the_result_counts(spec):
    settings = load_settings()
    plan = settings.training.model_copy(update={"seed": settings.training.seed + 1})
    seeded = settings.model_copy(update={"training": plan})
    assert made_from(spec, seeded).config != made_from(spec, settings).config
    assert made_from(spec, settings, ["xgboost"]).config != made_from(spec, settings).config
    other = spec.model_copy(update={"version": 2})
    assert made_from(other, settings).spec != made_from(spec, settings).spec


def test_order_of_columns_counts(spec):
    """The graph's inputs follow it."""
    turned = spec.model_copy(update={"columns": dict(reversed(spec.columns.items()))})
    assert made_from(turned, load_settings()).spec != made_from(spec, load_settings()).spec


def test_missing_lock_file(spec, tmp_path):
    settings = load_settings(lock_file=tmp_path / "no.lock")
    with pytest.raises(SettingsError, match=r"no\.lock cannot be read .*CREDITLOOP_LOCK_FILE"):
        made_from(spec, settings)


def package_of(spec, settings):
    contents = Contents(b"graph", tiny.POLICY, b"", b"", b"", b"")
    return Package.build(spec, "xgboost", contents, made_from(spec, settings, ["xgboost"]))


def test_a_package_keeps_the_schema_whose_sum_it_names(spec):
    package = package_of(spec, load_settings())
    assert schema_sum(Package.from_files(package.files).schema) == package.manifest.spec


def test_test_part_of_the_training_raises_no_doubt(spec):
    settings = load_settings()
    package = package_of(spec, settings)
    assert training_warnings(package, "data", settings, whole=False) == ()


def test_all_rows_of_the_training_do_and_those_of_another_file_do_not(spec):
    settings = load_settings()
    package = package_of(spec, settings)
    assert training_warnings(package, "data", settings, whole=True) == (
        "These rows may have been trained on: the file holds the data of the training.",
    )
    assert training_warnings(package, "other", settings, whole=True) == ()


def test_test_part_of_other_data_or_by_other_settings_raises_doubts(spec):
    settings = load_settings()
    package = package_of(spec, settings)
    splits = settings.training.splits.model_copy(update={"salt": "other"})
    plan = settings.training.model_copy(update={"splits": splits})
    (changed,) = training_warnings(
        package, "other", settings.model_copy(update={"training": plan}), whole=False
    )
    assert "the data has changed since the training, and which rows" in changed
    assert "the training settings have changed since" in changed
    named = package_of(spec.model_copy(update={"id": "loan"}), settings)
    (changed,) = training_warnings(named, "other", settings, whole=False)
    assert changed == (
        "These rows may have been trained on: the data has changed since the training (only rows "
        "that kept their loan are sure to have kept their part)."
    )
