"""What is added to decisions: outcomes, reviews, holds and protected attributes."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from services.keys import create_key
from services.ledger import Ledger, open_ledger
from services.ledger.decision_history import decision_history
from services.ledger.errors import NotAllowedError, UnknownDecisionError
from services.ledger.holds import hold
from services.ledger.outcomes import NewOutcome, report_outcomes
from services.ledger.protected import read_protected
from services.ledger.reviews import review
from services.people import user
from tests.services.deciding import decide, new_decision, store

DAY = date(2026, 3, 1)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def reviewer(ledger):
    return create_key(ledger, "ana", ("review",)).key


def test_outcomes_are_added_and_good_ones_are_not_lost_with_bad_ones(ledger):
    first, second, nobody = decide(ledger), decide(ledger), uuid4()
    reported = [
        NewOutcome(first, bad=True, observed_on=DAY, note="charged off"),
        NewOutcome(nobody, bad=True, observed_on=DAY),
        NewOutcome(second, bad=False, observed_on=DAY),
    ]
    assert report_outcomes(ledger, reported, "ben") == ["stored", "unknown decision", "stored"]
    (outcome,) = decision_history(ledger, first).outcomes
    assert (outcome.decision_id, outcome.bad, outcome.observed_on) == (first, True, DAY)
    assert (outcome.reporter, outcome.note) == ("ben", "charged off")
    assert abs(outcome.at - datetime.now(UTC)) < timedelta(seconds=10)


def test_a_revision_is_a_new_row_and_a_repetition_none(ledger):
    id_ = decide(ledger)
    good = NewOutcome(id_, bad=False, observed_on=DAY)
    bad = NewOutcome(id_, bad=True, observed_on=DAY + timedelta(days=30))
    assert report_outcomes(ledger, [good, good, bad], "ben") == ["stored", "known", "revised"]
    assert report_outcomes(ledger, [bad], "eva") == ["known"]
    assert report_outcomes(ledger, [good], "eva") == ["revised"]
    history = decision_history(ledger, id_)
    assert [outcome.bad for outcome in history.outcomes] == [False, True, False]
    assert [outcome.reporter for outcome in history.outcomes] == ["ben", "ben", "eva"]


def test_more_outcomes_than_a_statement_takes_parameters(ledger):
    rows = [new_decision() for _ in range(2500)]
    store(ledger, rows)
    outcomes = [NewOutcome(row.id, bad=False, observed_on=DAY) for row in rows]
    assert report_outcomes(ledger, outcomes, "ben") == ["stored"] * 2500
    assert report_outcomes(ledger, outcomes, "ben") == ["known"] * 2500


@pytest.mark.parametrize(
    ("of_model", "of_person", "is_override"),
    [
        ("review", "approve", False),
        ("review", "decline", False),
        ("approve", "approve", False),
        ("approve", "decline", True),
        ("decline", "decline", False),
        ("decline", "approve", True),
    ],
)
def test_only_what_the_model_decided_otherwise_is_an_override(
    ledger, reviewer, of_model, of_person, is_override
):
    id_ = decide(ledger, decision=of_model)
    row = review(ledger, id_, of_person, " income was proven ", reviewer)
    assert decision_history(ledger, id_).reviews == (row,)
    assert (row.decision, row.is_override) == (of_person, is_override)
    assert (row.reviewer, row.key_id, row.reason) == ("ana", reviewer.id, "income was proven")


def test_a_second_review_is_kept_beside_the_first_and_a_repetition_is_not(ledger, reviewer):
    id_ = decide(ledger)
    first = review(ledger, id_, "decline", "no income", reviewer)
    assert review(ledger, id_, "decline", "no income", reviewer) == first
    second = review(ledger, id_, "approve", "guarantor found", reviewer)
    assert decision_history(ledger, id_).reviews == (first, second)


def test_without_a_key_the_reviewer_is_who_runs_the_service(ledger):
    row = review(ledger, decide(ledger), "approve", "guarantor", None)
    assert (row.reviewer, row.key_id) == (user(), None)


def test_a_review_needs_a_reason_and_a_decision(ledger, reviewer):
    with pytest.raises(ValueError, match="a review needs its reason"):
        review(ledger, decide(ledger), "approve", " ", reviewer)
    nobody = uuid4()
    with pytest.raises(UnknownDecisionError, match=f"the ledger has no decision {nobody}"):
        review(ledger, nobody, "approve", "guarantor", reviewer)
    with pytest.raises(UnknownDecisionError, match=str(nobody)):
        decision_history(ledger, nobody)


def test_holds_are_kept_with_who_and_why(ledger):
    id_ = decide(ledger)
    laid = hold(ledger, id_, True, "ana", "lawsuit 7")
    lifted = hold(ledger, id_, False, "ana", "settled")
    assert decision_history(ledger, id_).holds == (laid, lifted)
    with pytest.raises(UnknownDecisionError):
        hold(ledger, uuid4(), True, "ana", "lawsuit 7")


def test_protected_attributes_are_read_with_their_own_role_alone(ledger):
    told, untold = decide(ledger, protected={"sex": "f", "age": 44}), decide(ledger)
    admin = create_key(ledger, "eva", ("admin", "monitor", "review")).key
    with pytest.raises(NotAllowedError, match=r"of eva may not read protected.* role fairness"):
        read_protected(ledger, [told], admin)
    key = create_key(ledger, "ana", ("fairness",)).key
    assert read_protected(ledger, [told, untold], key) == {told: {"sex": "f", "age": 44}}
    ledger.revoke_key(key.id)
    with pytest.raises(NotAllowedError):
        read_protected(ledger, [told], key)
