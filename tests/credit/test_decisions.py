import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.datasets import load_spec, spec_names
from credit.decisions import Decider, RuleOutcome, Rules
from credit.expressions import evaluate
from credit.features import Applications, from_fields, from_frame, number_features
from credit.policy import band, score
from credit.spec import Schema
from tests import awkward
from tests.credit.test_policy import policy

NAN = math.nan

SCHEMA = Schema.model_validate(
    {
        "name": "tiny",
        "bad": {"target": "bad"},
        "columns": {
            "home": {"type": "category"},
            "debt": {"type": "number"},
            "income": {"type": "number", "special": {-9: "unknown", -8: "refused"}},
            "delay": {"type": "integer", "special": {0: "none"}},
            "opened": {"type": "date", "role": "ignore"},
            "born": {"type": "date", "role": "ignore"},
        },
        "derived": {
            "yearly": {"expression": "income * 12"},
            "burden": {"expression": "debt / yearly"},
            "unread": {"expression": "delay + debt"},
        },
        "rules": {
            "big": {"when": "debt > 1000", "decision": "review", "reason": "It is large"},
            "affordable": {"when": "burden > 2", "decision": "decline", "reason": "Too much debt"},
            "late": {
                "when": "coalesce(delay, 0) >= 3",
                "decision": "decline",
                "reason": "You paid late",
            },
            "minor": {
                "when": "months_between(opened, born) < 216",
                "decision": "decline",
                "reason": "Too young",
            },
        },
    }
)


def applications(*rows):
    """Rows of (debt, income, delay), of people of 40."""
    fields = ({"debt": d, "income": i, "delay": late, "opened": None} for d, i, late in rows)
    parts = [from_fields(row, SCHEMA).numbers for row in fields]
    numbers = np.concatenate(parts) if parts else np.empty((0, 5))
    numbers[:, SCHEMA.number_fields.index("opened")] = 40 * 365.25
    numbers[:, SCHEMA.number_fields.index("born")] = 0
    return Applications(numbers, np.full((len(rows), 1), "own", dtype=object))


def test_rules_judged_by_hand():
    findings = Rules(SCHEMA)(
        applications(
            (100, 100, 0),  # nothing
            (2000, 1000, 0),  # large
            (2500, 100, 5),  # large, too much debt and late
            (100, -9, 0),  # income unknown: burden cannot be judged
            (100, None, 4),  # income missing, but late
            (None, 100, 0),  # debt missing: two rules cannot be judged
        )
    )

    assert findings.decision.tolist() == ["", "review", "decline", "review", "decline", "review"]
    assert findings.severity.tolist() == [0, 1, 2, 1, 2, 1]
    assert findings.outcomes(0) == ()
    assert findings.outcomes(1) == (RuleOutcome("big", "review", "It is large", True),)
    assert findings.outcomes(2) == (
        RuleOutcome("affordable", "decline", "Too much debt", True),
        RuleOutcome("late", "decline", "You paid late", True),
        RuleOutcome("big", "review", "It is large", True),
    )
    assert findings.outcomes(4) == (
        RuleOutcome("late", "decline", "You paid late", True),
        RuleOutcome(
            "affordable", "review", "It could not be checked without a value for burden", False
        ),
    )
    assert [outcome.rule for outcome in findings.outcomes(5)] == ["big", "affordable"]
    assert not any(outcome.judged for outcome in findings.outcomes(5))


def test_dates_are_compared_as_days():
    tiny = applications((100, 100, 0), (100, 100, 0))
    tiny.numbers[:, SCHEMA.number_fields.index("born")] = [23 * 365.25, NAN]
    findings = Rules(SCHEMA)(tiny)
    assert findings.decision.tolist() == ["decline", "review"]
    assert findings.outcomes(1)[0].reason.endswith("for born, opened")


def test_rules_come_first_and_the_severer_decision_counts():
    decide = Decider(SCHEMA, policy(0.1, 0.3))
    nothing, review, decline, unknown = (100, 100, 0), (2000, 1000, 0), (0, 100, 9), (100, -8, 0)
    rows = [row for row in (nothing, review, decline, unknown) for _ in range(3)]
    pd = np.array([0.01, 0.2, 0.5] * 4)

    decided = decide(applications(*rows), pd)

    assert decided.decision.tolist() == [
        *("approve", "review", "decline"),
        *("review", "review", "decline"),
        *("decline", "decline", "decline"),
        *("review", "review", "decline"),
    ]
    assert decided.score.tolist() == score(policy(), pd).tolist()
    assert len(decided) == 12


def test_without_rules_the_bands_decide():
    schema = SCHEMA.model_copy(update={"rules": {}})
    pd = np.array([0.05, 0.2, 0.9])
    rows = Applications(np.zeros((3, 3)), np.full((3, 1), "own", dtype=object))

    decided = Decider(schema, policy())(rows, pd)

    assert decided.decision.tolist() == band(policy(), pd).tolist()
    assert decided.findings.decision.tolist() == ["", "", ""]
    assert decided.findings.outcomes(1) == ()


@pytest.mark.parametrize("rules", [SCHEMA.rules, {}])
def test_no_applications_are_no_decisions(rules):
    schema = SCHEMA.model_copy(update={"rules": rules})
    decided = Decider(schema, policy())(applications(), np.empty(0))
    assert decided.decision.tolist() == decided.score.tolist() == []


VALUE = st.one_of(st.none(), st.sampled_from([-9, -8, 0, 3]), st.floats(-1e6, 1e6), st.just(1e308))


@settings(deadline=None)
@given(st.lists(st.tuples(VALUE, VALUE, VALUE, st.floats(0, 1)), min_size=1, max_size=8))
def test_an_application_is_decided_alone_as_in_a_batch(rows):
    decide = Decider(SCHEMA, policy())
    batch, pd = applications(*(row[:3] for row in rows)), np.array([row[3] for row in rows])

    together = decide(batch, pd)

    for row in range(len(rows)):
        one = slice(row, row + 1)
        alone = decide(batch[one], pd[one])
        assert alone.decision.tolist() == together.decision[one].tolist()
        assert alone.score.tolist() == together.score[one].tolist()
        assert alone.findings.outcomes(0) == together.findings.outcomes(row)


def test_rules_see_derived_columns_as_the_model_does():
    """A rule `name >= value of the row` holds for every derived column that has a value."""
    frame = awkward.unseen(300)
    rows = from_frame(frame, awkward.SCHEMA)
    features = number_features(awkward.SCHEMA, rows.numbers)
    for name in awkward.SCHEMA.derived:
        column = features[:, awkward.SCHEMA.number_features.index(name)]
        threshold = float(np.nanmedian(column))
        rule = {"when": f"{name} >= {threshold!r}", "decision": "decline", "reason": "r"}
        schema = Schema.model_validate({**awkward.SCHEMA.model_dump(), "rules": {"r": rule}})
        findings = Rules(schema)(rows)
        np.testing.assert_array_equal(findings.fired[:, 0], column >= threshold)
        np.testing.assert_array_equal(findings.unjudged[:, 0], np.isnan(column))


def test_a_rule_reads_what_the_request_says_and_not_its_code():
    position = SCHEMA.number_fields.index("income")
    tiny = applications((100, -9, 0))
    before = tiny.numbers.copy()
    Rules(SCHEMA)(tiny)
    np.testing.assert_array_equal(tiny.numbers, before)
    assert tiny.numbers[0, position] == -9
    assert np.isnan(evaluate(SCHEMA.derived["yearly"].parsed, {"income": np.array([NAN])}))


@pytest.mark.parametrize("name", spec_names())
def test_one_decision_costs_little(name):
    """Measured at 0.03 to 0.08 ms; the bound leaves room for a busy machine."""
    schema = load_spec(name)
    decide, pd = Decider(schema, policy()), np.array([0.2])
    one = Applications(
        np.ones((1, len(schema.number_fields))),
        np.full((1, len(schema.category_fields)), "", dtype=object),
    )
    fastest = math.inf
    for _ in range(200):
        start = time.perf_counter()
        decide(one, pd)
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 0.5e-3
