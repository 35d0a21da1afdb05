"""Mitigation weighs training rows, helps where help is planted, and never reads a group later."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.alternatives import approve_safest
from credit.fairness import worst_group
from credit.groups import Groups
from credit.mitigation import PartGroups, _Estimator, _fit_grid, joint, reweighing, train_mitigated
from credit.models import FAMILIES, network
from credit.models.woe_logistic import _fit_non_negative
from credit.plan import FairnessPlan
from credit.training import train_family
from tests import awkward

NAMES = tuple(FAMILIES)


def fairness(mitigation="none", fewest=30, tolerance=0.05) -> FairnessPlan:
    return FairnessPlan(
        fewest_per_group=fewest,
        least_impact_ratio=0.8,
        auc_tolerance=tolerance,
        bootstrap_samples=1,
        mitigation=mitigation,
    )


@pytest.fixture(scope="module")
def development():
    return awkward.development()


@pytest.fixture(scope="module")
def groups(development):
    """Tenants are mostly women, and tenants default more often."""

    def of(part):
        draw = np.random.default_rng(len(part))
        rents = part.features.codes[:, 0] == part.features.codes[:, 0].max()
        women = np.where(draw.random(len(part)) < 0.85, rents, ~rents)
        return {"sex": Groups(("male", "female"), women.astype(np.int64), ("male",))}

    return PartGroups(of(development.train), of(development.validation))


cells = st.lists(st.integers(1, 40), min_size=4, max_size=12).filter(lambda n: len(n) % 2 == 0)


@given(cells)
def test_reweighing_makes_group_and_label_independent(counts):
    codes = np.repeat(np.arange(len(counts)) // 2, counts)
    bad = np.repeat(np.arange(len(counts)) % 2, counts).astype(np.int8)
    weights = reweighing(Groups(tuple("abcdef"[: len(counts) // 2]), codes), bad)
    assert weights.mean() == pytest.approx(1, abs=1e-12)
    for code in range(len(counts) // 2):
        group = codes == code
        rate = np.average(bad[group], weights=weights[group])
        assert rate == pytest.approx(bad.mean(), abs=1e-12)
        assert weights[group].sum() == pytest.approx(group.sum(), abs=1e-9)


def test_small_groups_are_pooled_before_they_are_weighted():
    sex = Groups(("m", "f"), np.array([0] * 6 + [1] * 4))
    age = Groups(("young", "old"), np.array([0] * 5 + [1] + [1] * 3 + [0]))
    both = joint({"sex": sex, "age": age}, fewest=3)
    assert both.names == ("m / young", "f / old", "all other")
    assert both.rows.tolist() == [5, 3, 2]
    assert joint({"sex": sex}, fewest=5).labels.tolist() == ["m"] * 6 + ["all other"] * 4


@pytest.mark.parametrize("name", NAMES)
def test_every_family_listens_to_weights_and_ones_are_none(name, development, monkeypatch):
    monkeypatch.setattr(network, "MOST_EPOCHS", 5)
    family, layout = FAMILIES[name], development.feature_map.layout
    features, bad = development.train.features[:400], development.train.bad[:400]
    small = {
        "random_forest": {"trees": 10},
        "xgboost": {"trees": 20},
        "network": {"width": 8, "learning_rate": 0.02},
    }
    params = {**family.defaults, **small.get(name, {})}

    def margin(weights):
        return family.fit(features, bad, layout, params, 3, weights=weights).margin(features)

    plain, heavy_bads = margin(None), np.where(bad == 1, 4.0, 1.0)
    rise = margin(heavy_bads / heavy_bads.mean()).mean() - plain.mean()
    assert rise > (0.1 if family.scale == "probability" else 0.3)
    # A weighted forest draws its rows in another way, and the network takes none for ones itself.
    if name not in ("random_forest", "network"):
        np.testing.assert_array_equal(margin(np.ones(400)), plain)


def test_a_weight_of_two_is_a_row_that_stands_twice():
    draw = np.random.default_rng(5)
    evidence, bad = draw.normal(size=(200, 3)), draw.integers(0, 2, 200).astype(np.int8)
    twice = draw.random(200) < 0.4
    weighted = _fit_non_negative(evidence, bad, 1.0 + twice, 1.0)
    repeated = np.repeat(np.arange(200), 1 + twice)
    plain = _fit_non_negative(evidence[repeated], bad[repeated], np.ones(len(repeated)), 1.0)
    np.testing.assert_allclose(weighted[0], plain[0], atol=1e-5)
    assert weighted[1] == pytest.approx(plain[1], abs=1e-5)


def ratio(trained, development, groups) -> float:
    share = 1 - development.validation.bad_rate
    approved = approve_safest(trained.validation, share)
    return worst_group(approved, groups.validation, fairness()).ratio.value


@pytest.fixture(scope="module")
def plain(development):
    return train_family("woe_logistic", awkward.preset(), development, awkward.plan())


def mitigated(plan, development, groups, name="woe_logistic"):
    return train_mitigated(name, awkward.preset(), development, groups, awkward.plan(), plan)


@pytest.mark.parametrize("mitigation", ["reweighing", "grid_search"])
def test_mitigation_narrows_a_planted_disparity(mitigation, development, groups, plain):
    after = mitigated(fairness(mitigation), development, groups)
    assert ratio(after, development, groups) > ratio(plain, development, groups) + 0.02
    before, now = (one.metrics["validation"]["auc"].value for one in (plain, after))
    assert now > before - 0.05
    assert after.parity <= 1e-5
    assert after.validation.mean() == pytest.approx(plain.validation.mean(), abs=0.03)
    assert after.graph == mitigated(fairness(mitigation), development, groups).graph
    assert len(after.trials) == len(plain.trials) + (mitigation == "grid_search")


def test_off_and_without_protected_columns_it_is_a_plain_training(development, groups, plain):
    assert mitigated(fairness("none"), development, groups).graph == plain.graph
    nobody = PartGroups({}, {})
    assert mitigated(fairness("reweighing"), development, nobody).graph == plain.graph


def test_a_grid_that_can_judge_nobody_returns_what_was_fitted(development, groups, plain):
    unjudged = fairness("grid_search", fewest=10_000)
    assert mitigated(unjudged, development, groups).graph == plain.graph


def test_the_grid_weighs_labels_and_turns_none_around(development, groups):
    seen = []

    class Watched(_Estimator):
        def fit(self, rows, bad, sample_weight):
            seen.append((np.asarray(bad), np.asarray(sample_weight)))
            return super().fit(rows, bad, sample_weight)

    train = development.train
    family = FAMILIES["woe_logistic"]
    estimator = Watched(
        family, train.features, development.feature_map.layout, family.defaults, seed=1
    )
    women = groups.train["sex"].codes == 1
    assert len(_fit_grid(estimator, train.bad, women)) == len(seen) == 9
    for bad, weights in seen:
        np.testing.assert_array_equal(bad, train.bad)
        assert weights.min() > 0
    shifts = [weights[women & (train.bad == 0)].mean() - 1 for _, weights in seen]
    assert min(shifts) < -0.5
    assert max(shifts) > 0.5
