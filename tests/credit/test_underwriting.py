"""Judgements by hand on a hand-made package, and what holds for all of them."""

import doctest
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit import underwriting
from credit.adverse_action import MOST_REASONS
from credit.features import Applications, from_many
from credit.package import PackageError, schema_json
from credit.policy import score
from credit.spec import Schema
from credit.underwriting import Ask, Judgement, Underwriter
from tests import tiny

TEXTS = {
    "status": "Your account",
    "duration": "The term is long",
    "amount": "The amount is high",
    "bureau score": "The bureau knows of trouble",
    "purpose": "The purpose",
    "months_known": "We have not known you for long",
}
RULES = {
    "huge": {"when": "amount > 90000", "decision": "decline", "reason": "The amount is too high"},
    "long": {"when": "duration > 60", "decision": "review", "reason": "The term is long"},
}


def _schema() -> Schema:
    content = json.loads(schema_json(tiny.SCHEMA))
    for name, text in TEXTS.items():
        kind = "columns" if name in content["columns"] else "derived"
        content[kind][name]["reason"] = text
    return Schema.model_validate(content | {"rules": RULES})


SCHEMA = _schema()
UNDERWRITER = Underwriter(tiny.package(SCHEMA))


def application(**changes: object) -> dict[str, object]:
    good = {"status": "3", "duration": 10.0, "amount": 1000.0, "bureau score": 900.0}
    return {**good, **changes}


def applications(*rows: dict[str, object]) -> Applications:
    return from_many(rows, SCHEMA)


def judge(ask: Ask = "not approved", **changes: object) -> Judgement:
    (judgement,) = UNDERWRITER.judge(applications(application(**changes)), ask)
    return judgement


def probability(log_odds: float) -> float:
    return round(float(1 / (1 + np.exp(-log_odds))), 6)


def said(judgement: Judgement) -> list[tuple[str, str | None]]:
    return [(reason.text, reason.rule) for reason in judgement.reasons]


def test_the_docstrings_are_right():
    assert doctest.testmod(underwriting).failed == 0


def test_an_approval_has_a_score_and_no_reasons():
    # -1 + 0.03 x 10 + 0.0001 x 1,000 - 0.002 x 900 - 0.7
    expected = probability(-3.1)
    points = int(score(tiny.POLICY, np.array([expected]))[0])
    assert judge() == Judgement(expected, points, "approve", ())


def test_factors_that_hurt_come_largest_first():
    judgement = judge(status="2", amount=5000.0, **{"bureau score": 0.0})
    assert judgement.probability == probability(-1 + 0.3 + 0.5 + 0.9)
    assert judgement.decision == "decline"
    found = [(reason.text, reason.contribution, reason.holds) for reason in judgement.reasons]
    assert found == [
        ("Your account", 0.9, True),
        ("The amount is high", 0.5, True),
        ("The term is long", 0.3, True),
    ]


def test_a_rule_speaks_before_factors_and_where_the_probability_is_fine():
    assert said(judge(duration=61.0)) == [("The term is long", "long")]
    declined = judge(amount=95000.0)
    assert declined.decision == "decline"
    assert said(declined)[:2] == [("The amount is too high", "huge"), ("The amount is high", None)]


def test_a_text_that_a_rule_gave_is_not_given_again_by_a_factor():
    judgement = judge(duration=61.0, **{"bureau score": 0.0})
    assert judgement.reasons[0].rule == "long"
    assert [text for text, _ in said(judgement)].count("The term is long") == 1


def test_a_rule_that_cannot_be_judged_sends_the_case_to_a_person():
    judgement = judge(amount=None)
    assert judgement.decision == "review"
    assert said(judgement) == [("It could not be checked without a value for amount", "huge")]


def test_reasons_are_worked_out_for_those_that_are_asked_for():
    hurt: dict[str, Any] = {"status": "2", "bureau score": 0.0}
    assert judge("none", **hurt).reasons == ()
    assert judge("all").reasons != ()
    assert judge("all", **hurt) == judge("not approved", **hurt)
    assert said(judge("none", duration=61.0)) == [("The term is long", "long")]


def test_the_explanation_adds_up_to_the_margin():
    explanation = UNDERWRITER.explain(applications(application(amount=5000.0)))
    given = {each.feature: each.contribution for each in explanation.contributions}
    assert given == pytest.approx(
        dict.fromkeys(given, 0.0)
        | {"status": -0.7, "duration": 0.3, "amount": 0.5, "bureau score": -1.8}
    )
    assert explanation.scale == "log-odds"
    assert explanation.margin == pytest.approx(-2.7)
    assert explanation.base + sum(given.values()) == pytest.approx(explanation.margin)
    sizes = [abs(each.contribution) for each in explanation.contributions]
    assert sizes == sorted(sizes, reverse=True)


def test_a_package_without_a_reason_model_is_refused():
    package = tiny.package(SCHEMA)
    broken = type(package)({**package.files, "reasons.npz": b"no npz"})
    with pytest.raises(PackageError, match="reason model cannot be read"):
        Underwriter(broken)


ROWS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["1", "2", "3", "unheard of"]),
        "duration": st.sampled_from([4.0, 24.0, 60.0, 61.0, 72.0]),
        "amount": st.sampled_from([None, 100.0, 3500.5, 90000.0, 90001.0, 1e300]),
        "bureau score": st.sampled_from([None, -9.0, -8.0, 0.0, 612.0, 1000.0]),
        "purpose": st.sampled_from([None, "car", "boat"]),
    }
)


@given(st.lists(ROWS, min_size=1, max_size=12), st.sampled_from(["not approved", "all", "none"]))
def test_a_judgement_is_the_same_alone_and_among_others(rows: list[dict[str, object]], ask: Ask):
    together = UNDERWRITER.judge(applications(*rows), ask)
    assert together == [UNDERWRITER.judge(applications(row), ask)[0] for row in rows]


@given(ROWS)
def test_what_is_not_approved_has_one_to_four_reasons_rules_first(row: dict[str, object]):
    (judgement,) = UNDERWRITER.judge(applications(row))
    rules = [reason.rule is not None for reason in judgement.reasons]
    assert (judgement.decision == "approve") == (not rules)
    assert len(rules) <= MOST_REASONS
    assert rules == sorted(rules, reverse=True)
    texts = [reason.text for reason in judgement.reasons]
    assert len(set(texts)) == len(texts)
