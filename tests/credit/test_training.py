"""Every family: deterministic, monotone where declared, and the same in package and model."""

import numpy as np
import pytest

from credit import training
from credit.calibration import probability
from credit.features import Applications, from_frame
from credit.models import FAMILIES
from credit.package import canonical_json
from credit.plan import FamilyName
from credit.scoring import Scorer
from credit.training import TrainingError, choose_champion, prepare, train_family
from tests import awkward

NAMES = tuple(FAMILIES)


@pytest.fixture(scope="module")
def development():
    return awkward.development()


@pytest.fixture(scope="module")
def trained(development):
    return {
        name: train_family(name, awkward.preset(), development, awkward.plan()) for name in NAMES
    }


def scorer(trained_family, schema=awkward.SCHEMA) -> Scorer:
    return Scorer(schema, trained_family.graph)


def test_the_registry_has_the_families_of_the_plan():
    assert set(NAMES) == set(FamilyName.__args__)


@pytest.mark.parametrize("name", NAMES)
def test_package_and_model_agree_on_every_test_row(name, trained, development):
    family = trained[name]
    served = scorer(family).probabilities(development.test.applications)
    np.testing.assert_allclose(served, family.test, atol=1e-5)
    assert family.parity <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_package_and_model_agree_on_rows_such_as_no_training_row_was(name, trained, development):
    applications = from_frame(awkward.unseen(700), awkward.SCHEMA)
    family = trained[name]
    margin = family.model.margin(development.feature_map(applications))
    served = scorer(family).probabilities(applications)
    assert np.isfinite(served).all()
    np.testing.assert_allclose(served, probability(family.calibrator, margin), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_scores_the_same_alone_as_in_a_batch(name, trained, development):
    score = scorer(trained[name]).probabilities
    applications = development.test.applications
    alone = [score(applications[row : row + 1])[0] for row in range(len(applications))]
    assert alone == score(applications).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_and_plan_give_the_same_bytes(name, trained, development):
    again = train_family(name, awkward.preset(), development, awkward.plan())
    assert again.graph == trained[name].graph
    assert again.metrics == trained[name].metrics


@pytest.mark.parametrize("name", NAMES)
def test_a_model_learns_what_there_is_to_learn(name, trained):
    assert trained[name].metrics["test"]["auc"].value > 0.65


@pytest.mark.parametrize("name", ["woe_logistic", "xgboost"])
@pytest.mark.parametrize(("field", "sign"), [("income", -1), ("delay", 1)])
def test_declared_directions_hold(name, trained, development, field, sign):
    rows = development.test.applications
    position = awkward.SCHEMA.number_fields.index(field)
    score = scorer(trained[name]).probabilities
    # `delay` also feeds derived columns that may point elsewhere; without them only it moves.
    last = None
    for value in [0.0, 1.0, 2.0, 3.0, 5.0, 9.0] if field == "delay" else [1e3, 1e4, 2e4, 5e4, 1e6]:
        numbers = rows.numbers.copy()
        numbers[:, position] = value
        if field == "delay":
            numbers[:, awkward.SCHEMA.number_fields.index("balance")] = 20_000
        now = score(Applications(numbers, rows.categories))
        if last is not None and field == "income":
            assert (sign * (now - last) >= 0).all()
        last = now


def test_a_graph_that_differs_from_its_model_is_refused(monkeypatch, development):
    honest = training.export

    def tampered(feature_map, model, calibrator):
        return honest(feature_map, model, type(calibrator)(calibrator.scale, 1.1, 0.0))

    monkeypatch.setattr(training, "export", tampered)
    with pytest.raises(TrainingError, match="package and model differ by"):
        train_family("woe_logistic", awkward.preset(), development, awkward.plan())


def test_a_package_that_mixes_up_its_fields_is_refused(monkeypatch, development):
    mixed = canonical_json(awkward.SCHEMA.model_dump(mode="json"))  # sorts the columns
    monkeypatch.setattr(training, "schema_json", lambda schema: mixed)
    with pytest.raises(TrainingError, match="in another order than the model"):
        train_family("woe_logistic", awkward.preset(), development, awkward.plan())


def test_an_input_that_is_always_missing_is_refused_by_name():
    frame, bad = awkward.rows(500)
    frame["income"] = np.nan
    frame["region"] = None
    part = np.array(["train", "train", "train", "validation", "test"] * 100, dtype=object)
    with pytest.raises(TrainingError, match=r"income, region: all values are missing"):
        prepare(frame, bad, part, awkward.SCHEMA, awkward.plan())


def test_a_derived_column_that_is_always_missing_is_refused_by_name():
    frame, bad = awkward.rows(500)
    frame["limit"] = 0.0
    part = np.array(["train", "train", "train", "validation", "test"] * 100, dtype=object)
    with pytest.raises(TrainingError, match=r"^utilisation: all values are missing"):
        prepare(frame, bad, part, awkward.SCHEMA, awkward.plan())


def test_a_level_that_no_training_row_had_lies_amid_the_others(trained):
    network = trained["network"].model
    (vectors,) = network.model.get_layer("embedding_1").get_weights()  # region has no gaps
    np.testing.assert_allclose(vectors[0], vectors[2:].mean(axis=0), atol=1e-6)


def test_levels_are_learned_from_the_training_part_alone():
    frame, bad = awkward.rows(500)
    part = np.array(["train", "train", "train", "validation", "test"] * 100, dtype=object)
    frame.loc[part != "train", "region"] = "moon"
    development = prepare(frame, bad, part, awkward.SCHEMA, awkward.plan())
    assert "moon" not in development.feature_map.vocabulary.levels[1]


def test_the_champion_is_chosen_on_validation(trained):
    champion = choose_champion(list(trained.values()))
    assert champion.metrics["validation"]["auc"].value == max(
        family.metrics["validation"]["auc"].value for family in trained.values()
    )


@pytest.mark.parametrize("kept", [("income", "limit"), ("home", "region")])
@pytest.mark.parametrize("name", NAMES)
def test_numbers_alone_and_categories_alone_make_a_model(name, kept):
    schema = awkward.SCHEMA.model_copy(
        update={
            "columns": {column: awkward.SCHEMA.columns[column] for column in kept},
            "derived": {},
        }
    )
    schema = type(schema).model_validate(schema.model_dump())
    frame, bad = awkward.rows(1000)
    part = np.array(["train", "train", "train", "validation", "test"] * 200, dtype=object)
    development = prepare(frame, bad, part, schema, awkward.plan())
    family = train_family(name, awkward.preset(), development, awkward.plan())
    assert family.parity <= 1e-5
    assert len(scorer(family, schema).probabilities(development.test.applications)) == 200
