"""The reason model of every family: it agrees with the model and the graph, and adds up."""

import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import shap
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.datasets import load_spec, spec_names
from credit.adverse_action import missing_texts, reasons
from credit.attribution import Network
from credit.calibration import Calibrator, calibrate
from credit.design import ScaledDesign
from credit.export import export
from credit.expressions import FloatArray
from credit.features import Applications, FeatureMap, Features, Layout, NumberFeature, from_frame
from credit.models import FAMILIES
from credit.models.family import Model
from credit.npz import pack, ragged, split_ragged, unpack
from credit.package import PackageError
from credit.reasoning import build_reason_model, check_reason_model
from credit.reasons import ReasonModel
from credit.scoring import Scorer
from credit.spec import Schema
from credit.training import TrainingError
from tests import awkward

NAMES = tuple(FAMILIES)
SMALL = {
    "woe_logistic": {"bins": 6},
    "pca_logistic": {},
    "xgboost": {"trees": 30, "depth": 4},
    "random_forest": {"trees": 12, "min_leaf": 5, "most_leaves": 40},
    "network": {"width": 8},
}


@dataclass(frozen=True)
class Fitted:
    """A small model, what was made from it, and rows that it did not see."""

    model: Model
    calibrator: Calibrator
    scorer: Scorer
    content: bytes
    reasons: ReasonModel


@pytest.fixture(scope="module")
def development():
    return awkward.development()


@pytest.fixture(scope="module")
def approved(development) -> Features:
    """Rows with an income."""
    train = development.train.features
    return train[np.flatnonzero(train.numbers[:, 0] > 20_000)]


@pytest.fixture(scope="module")
def unseen() -> Applications:
    return from_frame(awkward.unseen(300), awkward.SCHEMA)


@pytest.fixture(scope="module")
def fitted(development, approved) -> dict[str, Fitted]:
    return {name: fit(name, development, approved) for name in NAMES}


def fit(name, development, approved) -> Fitted:
    family, train = FAMILIES[name], development.train
    feature_map = development.feature_map
    params = {**family.defaults, **SMALL[name]}
    model = family.fit(train.features, train.bad, feature_map.layout, params, 1)
    calibrator = calibrate(model.margin(train.features), train.bad, family.scale, 10_000)
    graph = export(feature_map, model, calibrator)
    content = build_reason_model(model, feature_map, approved, train.applications)
    return Fitted(
        model,
        calibrator,
        Scorer(awkward.SCHEMA, graph),
        content,
        ReasonModel.from_bytes(content, awkward.SCHEMA),
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_margin_is_the_models_and_the_graphs(name, fitted, development, unseen):
    family = fitted[name]
    for applications in (development.test.applications, unseen):
        features = family.reasons.features(applications)
        np.testing.assert_allclose(
            family.reasons.margin(features), family.model.margin(features), rtol=1e-5, atol=1e-5
        )
        served = family.scorer.probabilities(applications)
        check = check_reason_model(family.reasons, family.calibrator, applications, served)
        assert check.parity <= 1e-5
        assert check.additivity <= 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_base_and_contributions_add_up_to_the_margin_of_every_row(name, fitted, unseen):
    reasons = fitted[name].reasons
    features = reasons.features(unseen)
    contributions = reasons.contributions(features)
    assert contributions.shape == (len(unseen), len(reasons.names))
    total = reasons.base + contributions.sum(axis=1)
    np.testing.assert_allclose(total, reasons.margin(features), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_contributions_are_centred_on_the_approved(name, fitted, approved):
    reasons = fitted[name].reasons
    every = approved[: min(len(approved), 500)]
    if len(approved) <= 500:
        np.testing.assert_allclose(reasons.contributions(every).mean(axis=0), 0, atol=1e-12)
    assert reasons.base == pytest.approx(reasons.margin(approved).mean(), abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_the_same_contributions_alone_as_in_a_batch(name, fitted, unseen):
    reasons = fitted[name].reasons
    features = reasons.features(unseen)[:80]
    batch = reasons.contributions(features)
    alone = [reasons.contributions(features[row : row + 1])[0] for row in range(len(features))]
    np.testing.assert_array_equal(np.array(alone), batch)
    np.testing.assert_array_equal(reasons.contributions(features), batch)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_model_gives_the_same_bytes(name, fitted, development, approved):
    family = fitted[name]
    train, feature_map = development.train, development.feature_map
    again = build_reason_model(family.model, feature_map, approved, train.applications)
    assert again == family.content
    assert ReasonModel.from_bytes(again, awkward.SCHEMA).to_bytes() == again


def test_boosted_trees_agree_with_shap(fitted, development):
    family, features = fitted["xgboost"], development.test.features
    explainer = shap.TreeExplainer(family.model.booster, feature_perturbation="tree_path_dependent")
    assert_agrees(explainer, family, features)


def test_the_forest_agrees_with_shap(fitted, development):
    family = fitted["random_forest"]
    is_whole = ~np.isnan(family.model.design.matrix(development.test.features)).any(axis=1)
    features = development.test.features[np.flatnonzero(is_whole)]
    assert len(features) > 50
    explainer = shap.TreeExplainer(
        family.model.classifier, feature_perturbation="tree_path_dependent"
    )
    assert_agrees(explainer, family, features)


def assert_agrees(explainer, family: Fitted, features: Features) -> None:
    matrix = family.model.design.matrix(features)
    values = explainer.shap_values(matrix, check_additivity=False)
    values = values[:, :, 1] if values.ndim == 3 else values
    expected = np.zeros((len(matrix), len(family.reasons.names)))
    for column, owner in enumerate(family.model.design.features):
        expected[:, owner] += values[:, column]
    found = family.reasons.contributions(features) + family.reasons.centre
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_scorecards_contributions_are_coefficients_times_evidence(fitted, approved):
    family = fitted["woe_logistic"]
    model, reasons = family.model, family.reasons
    evidence = model.bins[0].transform(approved.numbers[:, 0])
    expected = model.coefficients[0] * (evidence - evidence.mean())
    found = reasons.contributions(approved)[:, 0] + reasons.centre[0]
    np.testing.assert_allclose(found - found.mean(), expected, atol=1e-12)


def test_a_linear_models_contributions_follow_their_own_feature_alone(fitted, development):
    reasons = fitted["pca_logistic"].reasons
    before = development.test.features[:50]
    numbers = before.numbers.copy()
    numbers[:, 1] = -9.0
    after = Features(numbers, before.codes)
    change = reasons.contributions(after) - reasons.contributions(before)
    assert (np.abs(np.delete(change, 1, axis=1)) == 0).all()
    np.testing.assert_allclose(
        change[:, 1], reasons.margin(after) - reasons.margin(before), atol=1e-12
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_driver_contributes_most(name, fitted):
    reasons = fitted[name].reasons
    numbers = reasons.reference.numbers.copy()
    numbers[0, 0] = 2_000.0
    (contributions,) = reasons.contributions(Features(numbers, reasons.reference.codes))
    assert reasons.names[int(contributions.argmax())] == "income"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 5))
def test_a_networks_contributions_add_up_whatever_its_weights(seed, units, rows):
    network = random_network(np.random.default_rng(seed), units)
    draw = np.random.default_rng(seed + 1)
    features = Features(draw.normal(0, 3, (rows, 3)), draw.integers(0, 4, (rows, 1)))
    mean = network._run(network.background)[-1].mean()
    total = network.attribute(features).sum(axis=1)
    np.testing.assert_allclose(total, network.margin(features) - mean, atol=1e-9)


def random_network(draw: np.random.Generator, units: int) -> Network:
    layout = Layout(tuple(NumberFeature(name, (), None) for name in "abc"), ())
    seen = Features(draw.normal(0, 1, (50, 3)), np.empty((50, 0), dtype=np.int64))
    widths = [(5, units), (units, units), (units, 1)]
    return Network(
        ScaledDesign.fit(layout, seen),
        (draw.normal(0, 1, (4, 2)),),
        tuple(draw.normal(0, 1, shape) for shape in widths),
        tuple(draw.normal(0, 1, shape[1]) for shape in widths),
        draw.normal(0, 1, (7, 5)),
        features=4,
    )


def test_the_rescale_rule_by_hand():
    """relu(a - b) at (3, 1) against (1, 2): it rises by 2 while a - b rises by 3, from -1 to 2."""
    design = ScaledDesign.fit(
        Layout((NumberFeature("a", (), None), NumberFeature("b", (), None)), ()),
        Features(np.array([[-1.0, -1.0], [1.0, 1.0]]), np.empty((2, 0), dtype=np.int64)),
    )
    plain = replace(
        design,
        low=np.full(2, -9.0),
        high=np.full(2, 9.0),
        mean=np.zeros(2),
        deviation=np.ones(2),
    )
    network = Network(
        plain,
        (),
        (np.array([[1.0], [-1.0]]), np.array([[1.0]])),
        (np.zeros(1), np.zeros(1)),
        np.array([[1.0, 2.0]]),
        features=2,
    )
    row = Features(np.array([[3.0, 1.0]]), np.empty((1, 0), dtype=np.int64))
    np.testing.assert_allclose(network.attribute(row), [[4 / 3, 2 / 3]])


def test_reference_quantiles_and_levels_are_what_training_rows_had(fitted, approved):
    reasons = fitted["woe_logistic"].reasons
    income = approved.numbers[:, 0]
    assert reasons.reference.numbers[0, 0] in income
    assert abs((income < reasons.reference.numbers[0, 0]).mean() - 0.5) < 0.01
    delay = reasons.quantiles[awkward.SCHEMA.number_fields.index("delay")]
    assert set(delay.tolist()) == {0.0, 1.0, 2.0, 5.0}  # never -9 or -1, the special codes
    assert reasons.levels == (("free", "own", "rent"), ("north", "south", "süd-öst"))
    assert len(reasons.quantiles[0]) == 19


def test_a_special_code_is_the_reference_where_most_approved_have_it(development):
    model = FAMILIES["woe_logistic"].fit(
        development.train.features,
        development.train.bad,
        development.feature_map.layout,
        FAMILIES["woe_logistic"].defaults,
        1,
    )
    train = development.train
    never_late = train.features[np.flatnonzero(train.features.numbers[:, 1] == -1)]
    content = build_reason_model(model, development.feature_map, never_late, train.applications)
    assert ReasonModel.from_bytes(content, awkward.SCHEMA).reference.numbers[0, 1] == -1


def test_a_reason_model_that_misses_the_graph_is_refused(fitted, development):
    family, applications = fitted["xgboost"], development.test.applications
    served = family.scorer.probabilities(applications)
    attribution = replace(family.reasons.attribution, intercept=1.0)
    tampered = replace(family.reasons, attribution=attribution)
    with pytest.raises(TrainingError, match="reason model and package differ by"):
        check_reason_model(tampered, family.calibrator, applications, served)
    off = replace(family.reasons, base=family.reasons.base + 2e-6)
    with pytest.raises(TrainingError, match="contributions miss their margin by 2e-06"):
        check_reason_model(off, family.calibrator, applications, served)


def test_an_input_without_a_text_fails_the_build_by_name(fitted, development, approved):
    columns = {**awkward.SCHEMA.columns}
    columns["home"] = columns["home"].model_copy(update={"reason": " "})
    schema = awkward.SCHEMA.model_copy(update={"columns": columns})
    feature_map = FeatureMap(
        Schema.model_validate(schema.model_dump()), development.feature_map.vocabulary
    )
    with pytest.raises(TrainingError, match=r"^home: no reason text"):
        build_reason_model(
            fitted["xgboost"].model, feature_map, approved, development.train.applications
        )


def test_without_anybody_approved_there_is_no_reason_model(fitted, development, approved):
    with pytest.raises(TrainingError, match=r"no application .* is approved"):
        build_reason_model(
            fitted["xgboost"].model,
            development.feature_map,
            approved[:0],
            development.train.applications,
        )


def test_every_shipped_spec_has_a_text_for_every_input():
    assert [missing_texts(load_spec(name)) for name in spec_names()] == [()] * len(spec_names())


@pytest.mark.parametrize("content", [b"", b"no zip", pack({"about": np.zeros(3)})])
def test_bytes_that_are_no_reason_model_are_refused(content):
    with pytest.raises(PackageError, match="the reason model cannot be read"):
        ReasonModel.from_bytes(content, awkward.SCHEMA)


def test_another_format_is_refused(fitted):
    arrays = unpack(fitted["xgboost"].content)
    about = arrays["about"].tobytes().replace(b'"format": 1', b'"format": 2')
    content = pack({**arrays, "about": np.frombuffer(about, dtype=np.uint8)})
    with pytest.raises(PackageError, match="format 2, this version reads 1"):
        ReasonModel.from_bytes(content, awkward.SCHEMA)


def test_arrays_of_objects_are_refused():
    with pytest.raises(ValueError, match="Object arrays"):
        pack({"texts": np.array(["a"], dtype=object)})


@given(st.lists(st.lists(st.floats(allow_nan=False), max_size=4), max_size=4))
def test_ragged_arrays_come_back(parts):
    arrays: list[FloatArray] = [np.array(part, dtype=np.float64) for part in parts]
    again = split_ragged(unpack(pack(ragged("x", arrays))), "x")
    assert [part.tolist() for part in again] == parts


def test_reasons_need_none_of_what_training_needs():
    program = (
        "import sys, credit.reasons, credit.adverse_action, credit.recourse\n"
        "heavy = {'sklearn', 'onnx', 'xgboost', 'tensorflow', 'keras', 'shap', 'optuna'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_reasons_are_the_same_alone_and_again(name, fitted, unseen):
    model = fitted[name].reasons
    features = model.features(unseen)[:60]
    together = reasons(model, features)
    assert reasons(model, features) == together
    assert [reasons(model, features[row : row + 1])[0] for row in range(60)] == together
    for given_reasons in together:
        hurts = [reason.contribution > 0 for reason in given_reasons]
        assert all(hurts) or len(given_reasons) == 1
