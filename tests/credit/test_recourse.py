"""Recourse by hand and as properties: the fewest steps, within what the spec allows."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from credit.expressions import FloatArray
from credit.features import Applications, FeatureMap, Features, Vocabulary
from credit.reasons import ReasonModel
from credit.recourse import Change, Recourse, find_recourse
from credit.spec import Schema

SCHEMA = Schema.model_validate(
    {
        "name": "by-hand",
        "bad": {"target": "bad"},
        "columns": {
            "income": {"type": "number", "reason": "income"},
            "amount": {
                "type": "integer",
                "range": [2, None],
                "special": {-1: "not asked"},
                "changeable": True,
                "reason": "amount",
            },
            "age": {"type": "integer", "role": "protected", "changeable": True},
            "applied": {"type": "date", "role": "ignore", "changeable": True},
            "opened": {"type": "date", "role": "ignore"},
            "term": {"type": "integer", "changeable": True, "reason": "term"},
            "purpose": {
                "type": "category",
                "levels": ["car", "home", "new"],
                "changeable": True,
                "reason": "purpose",
            },
            "region": {"type": "category", "reason": "region"},
        },
        "derived": {
            "instalment": {"expression": "amount / term", "reason": "instalment"},
            "known": {"expression": "months_between(applied, opened)", "reason": "known"},
        },
    }
)
STEPS = (-1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)


@dataclass(frozen=True)
class Nothing:
    """A margin that recourse does not ask for."""

    def margin(self, features: Features) -> FloatArray:
        raise AssertionError("recourse asks the decider, not the margin")

    def attribute(self, features: Features) -> FloatArray:
        raise AssertionError("recourse asks the decider, not the margin")


MODEL = ReasonModel(
    feature_map=FeatureMap(SCHEMA, Vocabulary((("car", "home"), ("north",)))),
    attribution=Nothing(),
    scale="log-odds",
    centre=np.zeros(0),
    base=0.0,
    reference=Features(np.zeros((1, 0)), np.zeros((1, 0), dtype=np.int64)),
    quantiles=tuple(np.array(STEPS[1:]) for _ in SCHEMA.number_fields),
    levels=(("boat", "car", "home"), ("north", "south")),
)


def application(amount: float = 5, term: float = 5, purpose: str = "car") -> Applications:
    numbers = {"income": 5.0, "amount": amount, "term": term, "applied": 5.0, "opened": 5.0}
    texts = {"purpose": purpose, "region": "north"}
    return Applications(
        np.array([[numbers[name] for name in SCHEMA.number_fields]]),
        np.array([[texts[name] for name in SCHEMA.category_fields]], dtype=object),
    )


def column(rows: Applications, name: str) -> np.ndarray:
    if name in SCHEMA.number_fields:
        return rows.numbers[:, SCHEMA.number_fields.index(name)]
    return rows.categories[:, SCHEMA.category_fields.index(name)]


def changes(found: Recourse | None) -> dict[str, object]:
    assert found is not None
    return {change.field: change.then for change in found.changes}


def test_the_smallest_change_of_one_field_is_found():
    found = find_recourse(MODEL, application(), lambda rows: column(rows, "amount") <= 3)
    assert found == Recourse(changes=(Change(field="amount", now=5.0, then=3.0, steps=2),))


def test_a_value_between_quantiles_is_one_step_from_both():
    found = find_recourse(
        MODEL, application(amount=5.5), lambda rows: column(rows, "amount") != 5.5
    )
    assert found == Recourse(changes=(Change(field="amount", now=5.5, then=5.0, steps=1),))


def test_one_field_is_tried_before_two_that_take_fewer_steps():
    def approves(rows):
        return (column(rows, "term") == 9) | (
            (column(rows, "amount") == 4) & (column(rows, "term") == 6)
        )

    assert changes(find_recourse(MODEL, application(), approves)) == {"term": 9}


def test_two_fields_move_together_where_one_is_not_enough():
    features = FeatureMap(SCHEMA, MODEL.feature_map.vocabulary)
    instalment = SCHEMA.number_features.index("instalment")

    def approves(rows):
        return features(rows).numbers[:, instalment] <= 3 / 9

    found = find_recourse(MODEL, application(), approves)
    assert changes(found) == {"amount": 2, "term": 6}
    assert [change.steps for change in found.changes] == [3, 1]


def test_another_level_is_proposed_where_training_rows_and_the_spec_have_it():
    seen = []

    def approves(rows):
        seen.extend(column(rows, "purpose").tolist())
        return column(rows, "purpose") == "home"

    found = find_recourse(MODEL, application(), approves)
    assert found == Recourse(changes=(Change(field="purpose", now="car", then="home", steps=5),))
    assert set(seen) == {"car", "home"}  # neither "boat", of training alone, nor "new", of the spec


def test_a_number_nearer_than_a_level_comes_first_and_one_farther_does_not():
    def either(rows):
        return (column(rows, "term") == 9) | (column(rows, "purpose") == "home")

    assert changes(find_recourse(MODEL, application(term=5), either)) == {"term": 9}
    assert changes(find_recourse(MODEL, application(term=3), either)) == {"purpose": "home"}


def test_of_as_many_steps_the_first_field_of_the_spec_moves_and_rather_down():
    def differs(rows):
        return (column(rows, "term") != 5) | (column(rows, "amount") != 5)

    assert changes(find_recourse(MODEL, application(), differs)) == {"amount": 4}


def test_where_nothing_helps_there_is_none():
    rows = []

    def never(applications):
        rows.append(len(applications))
        return np.zeros(len(applications), dtype=bool)

    assert find_recourse(MODEL, application(), never) is None
    amounts, terms, purposes = 7, 8, 1
    singles = amounts + terms + purposes
    assert sum(rows) == singles + amounts * terms + (amounts + terms) * purposes


def test_what_cannot_be_changed_does_not_move():
    def approves(rows):
        for name in ("income", "applied", "opened", "region"):
            assert len(set(column(rows, name).tolist())) == 1
        return np.zeros(len(rows), dtype=bool)

    assert find_recourse(MODEL, application(), approves) is None


def test_a_gap_and_a_special_code_stay():
    def differs(rows):
        same = column(rows, "amount") == -1
        return ~same & ~np.isnan(column(rows, "amount"))

    assert find_recourse(MODEL, application(amount=-1), differs) is None
    assert find_recourse(MODEL, application(amount=np.nan), differs) is None
    anything = find_recourse(
        MODEL, application(purpose=""), lambda rows: column(rows, "purpose") != ""
    )
    assert anything is None


@given(
    st.sampled_from(STEPS),
    st.sampled_from(STEPS[1:]),
    st.sets(st.tuples(st.sampled_from(STEPS), st.sampled_from(STEPS)), max_size=30),
)
def test_what_is_found_is_approved_allowed_and_never_farther_than_another(amount, term, good):
    def approves(rows):
        pairs = zip(column(rows, "amount").tolist(), column(rows, "term").tolist(), strict=True)
        return np.array([pair in good for pair in pairs], dtype=bool)

    def steps(then: tuple[float, float]) -> int:
        return int(abs(then[0] - amount) + abs(then[1] - term))

    allowed = [
        (a, t)
        for a, t in good
        if (a == amount or (amount != -1 and a >= 2)) and t >= 1 and (a, t) != (amount, term)
    ]
    singles = [pair for pair in allowed if pair[0] == amount or pair[1] == term]
    found = find_recourse(MODEL, application(amount=amount, term=term), approves)
    if not allowed:
        assert found is None or (amount, term) in good
    elif (amount, term) not in good:
        assert found is not None
        then = {"amount": amount, "term": term} | changes(found)
        assert (then["amount"], then["term"]) in good
        best = min(steps(pair) for pair in singles or allowed)
        assert sum(change.steps for change in found.changes) == best
        assert find_recourse(MODEL, application(amount=amount, term=term), approves) == found
