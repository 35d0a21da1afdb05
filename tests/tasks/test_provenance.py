import pytest

from configs.datasets import load_spec
from configs.settings import SettingsError, load_settings
from credit.spec import FileSource
from tasks.provenance import provenance

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
