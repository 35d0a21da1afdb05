import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.features import FeatureMap, Features, Vocabulary
from credit.lime import Lime
from credit.spec import Schema
from credit.values import value_text

SCHEMA = Schema.model_validate(
    {
        "name": "tiny",
        "bad": {"target": "bad"},
        "columns": {
            "income": {"type": "number", "unit": "EUR"},
            "delay": {"type": "integer", "special": {-9: "no record", -1: ""}},
            "home": {"type": "category", "levels": {"own": "owner", "rent": ""}},
        },
    }
)
MAP = FeatureMap(SCHEMA, Vocabulary((("own", "rent"),)))
FEATURES = Features(
    np.array(
        [
            [1000.0, 0],
            [2000, 0],
            [3000, 0],
            [4000, 1],
            [5000, -9],
            [6000, -1],
            [7000, np.nan],
            [8000, 1],
        ]
    ),
    np.array([[2], [2], [3], [3], [0], [1], [2], [2]]),
)
LIME = Lime.of(MAP, FEATURES)


def test_bins_by_hand():
    """Quartiles 2,000, 4,000 and 6,000; a value on an edge is below it."""
    assert [edges.tolist() for edges in LIME.edges] == [[2000, 4000, 6000], [0, 1]]
    assert LIME.bins[:, 0].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert LIME.bins[:, 1].tolist() == [3, 3, 3, 4, 1, 2, 0, 4]
    assert LIME.bins[:, 2].tolist() == [2, 2, 3, 3, 0, 1, 2, 2]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (0, ("income ≤ 2,000", "delay ≤ 0", "home: owner")),
        (3, ("2,000 < income ≤ 4,000", "0 < delay ≤ 1", "home: rent")),
        (4, ("4,000 < income ≤ 6,000", "delay: no record", "home: missing")),
        (5, ("4,000 < income ≤ 6,000", "delay: code -1", "home: any other")),
        (6, ("income > 6,000", "delay: missing", "home: owner")),
    ],
)
def test_conditions_in_words(row, expected):
    surrogate = LIME.explain(lambda rows: np.zeros(len(rows)), FEATURES[row : row + 1], 10, 0)
    assert surrogate.conditions == expected


def test_a_case_above_or_without_all_training_values():
    case = Features(np.array([[1e9, 50.0]]), np.array([[0]]))
    surrogate = LIME.explain(lambda rows: np.zeros(len(rows)), case, 10, 0)
    assert surrogate.conditions[:2] == ("income > 6,000", "delay > 1")
    empty = Features(np.full((3, 2), np.nan), np.zeros((3, 1), dtype=np.int64))
    lime = Lime.of(MAP, empty)
    assert lime.explain(lambda rows: np.ones(len(rows)), case, 10, 0).conditions[0] == "income"


def test_values_in_words():
    assert value_text(MAP, 0, 1234.4) == "1,234 EUR"
    assert value_text(MAP, 1, 2.0) == "2"
    assert value_text(MAP, 1, -9.0) == "no record"
    assert value_text(MAP, 1, float("nan")) == "missing"
    assert [value_text(MAP, 2, code) for code in range(4)] == [
        "missing",
        "any other",
        "owner",
        "rent",
    ]


def weighted_ridge(shares, wanted, weight, penalty=1.0):
    """The normal equations, intercept unpenalised: what the paper's surrogate solves."""
    design = np.column_stack([np.ones(len(shares)), shares])
    penalties = np.diag([0.0] + [penalty] * shares.shape[1])
    left = design.T @ (weight[:, None] * design) + penalties
    return np.linalg.solve(left, design.T @ (weight * wanted))


def test_surrogate_solves_the_weighted_ridge_of_the_paper():
    seen = []

    def margin(rows):
        seen.append(rows)
        return np.nan_to_num(rows.numbers[:, 0]) / 1000 + (rows.codes[:, 0] == 2)

    case = FEATURES[0:1]
    surrogate = LIME.explain(margin, case, 300, 5)
    drawn = seen[0]
    assert len(drawn) == 300
    assert drawn.numbers[0].tolist() == case.numbers[0].tolist()  # the case itself comes first
    shares = np.column_stack(
        [drawn.numbers[:, 0] <= 2000, drawn.numbers[:, 1] == 0, drawn.codes[:, 0] == 2]
    ).astype(float)
    distance = np.sqrt((1 - shares).sum(axis=1))
    weight = np.sqrt(np.exp(-(distance**2) / (0.75 * np.sqrt(3)) ** 2))
    expected = weighted_ridge(shares, margin(drawn), weight)
    assert surrogate.intercept == pytest.approx(expected[0])
    assert surrogate.weights == pytest.approx(expected[1:])
    frequencies = np.array([2 / 8, 3 / 8, 4 / 8])
    assert surrogate.effects == pytest.approx(expected[1:] * (1 - frequencies))


def test_bins_are_drawn_with_their_training_frequencies():
    seen = []
    LIME.explain(lambda rows: seen.append(rows) or np.zeros(len(rows)), FEATURES[0:1], 20_000, 1)
    drawn = seen[0]
    assert (drawn.codes[:, 0] == 2).mean() == pytest.approx(0.5, abs=0.02)
    assert (drawn.numbers[:, 1] == -9).mean() == pytest.approx(1 / 8, abs=0.01)
    assert np.isnan(drawn.numbers[:, 1]).mean() == pytest.approx(1 / 8, abs=0.01)
    assert set(drawn.numbers[:, 0]) == set(FEATURES.numbers[:, 0])
    # Features are drawn one by one: what never occurs together in training is drawn together.
    assert ((drawn.numbers[:, 0] == 1000) & (drawn.codes[:, 0] == 0)).any()


def test_a_model_of_conditions_is_recovered():
    """A margin that is linear in the case's own conditions has nothing else to be told by."""

    def margin(rows):
        return 2.0 * (rows.numbers[:, 0] <= 2000) - 0.5 * (rows.numbers[:, 1] == 0) + 0.25

    surrogate = LIME.explain(margin, FEATURES[0:1], 20_000, 2)
    assert surrogate.weights == pytest.approx([2.0, -0.5, 0.0], abs=2e-3)
    assert surrogate.fidelity > 0.999


def test_what_never_varies_has_no_weight():
    constant = Lime.of(MAP, Features(np.full((5, 2), 3.0), np.full((5, 1), 2)))
    surrogate = constant.explain(
        lambda rows: rows.numbers[:, 0], Features(np.full((1, 2), 3.0), np.array([[2]])), 50, 0
    )
    assert surrogate.weights.tolist() == [0.0, 0.0, 0.0]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), row=st.integers(0, 7))
def test_the_same_seed_gives_the_same_answer(seed, row):
    def margin(rows):
        return np.nan_to_num(rows.numbers).sum(axis=1)

    one, other = (LIME.explain(margin, FEATURES[row : row + 1], 60, seed) for _ in range(2))
    assert one.weights.tolist() == other.weights.tolist()
    assert one.fidelity == other.fidelity
