from dataclasses import replace

import numpy as np
import pytest

from credit.guard import Approvals, Traffic, Watched, objections
from credit.plan import GuardPlan

PLAN = GuardPlan(minutes=60, rows=200, most_errors=0.01, most_change=0.1, most_slower=3)
SCORES = np.random.default_rng(1).beta(2, 8, 1000)
CALM = Watched(
    approvals=Approvals(1000, 610),
    former_approvals=Approvals(1000, 600),
    traffic=Traffic(1000, 1, 0.004),
    former_traffic=Traffic(5000, 2, 0.003),
    refused=0,
    scores=SCORES,
    shadow_scores=SCORES[::-1],
)


def found(**changes) -> tuple[str, ...]:
    return objections(replace(CALM, **changes), PLAN, critical=0.7)


def test_a_champion_that_does_as_the_one_before_it_stays():
    assert found() == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"refused": 2}, "a service could not load it, 2 times"),
        ({"traffic": Traffic(1000, 40, 0.004)}, "40 of 1,000 requests failed, 2 of 5,000"),
        ({"traffic": Traffic(1000, 0, 0.0095)}, "a request takes 9.5 ms, 3.0 ms before"),
        ({"approvals": Approvals(1000, 400)}, "it approves 40.0% of 1,000"),
        ({"approvals": Approvals(1000, 800)}, "it approves 80.0% of 1,000"),
        ({"scores": SCORES + 0.2}, "its scores are not those it gave in the shadow"),
    ],
)
def test_each_kind_of_harm_is_named(changes, words):
    (text,) = found(**changes)
    assert words in text


@pytest.mark.parametrize(
    "changes",
    [
        {"traffic": Traffic(199, 199, 9.0)},
        {"former_traffic": Traffic()},
        {"approvals": Approvals(199, 0)},
        {"former_approvals": Approvals()},
        {"scores": SCORES[:199] + 0.5},
        {"shadow_scores": np.array([])},
        {"approvals": Approvals(1000, 520)},  # 8 points: within the limit
    ],
)
def test_what_is_too_little_or_unknown_is_no_harm(changes):
    assert found(**changes) == ()


def test_errors_count_by_themselves_where_there_was_no_traffic_before():
    (text,) = found(former_traffic=Traffic(), traffic=Traffic(1000, 20, 0.004))
    assert "20 of 1,000 requests failed" in text


def test_errors_that_the_former_champion_had_too_are_not_its_fault():
    both = {"traffic": Traffic(1000, 50, 0.004), "former_traffic": Traffic(1000, 50, 0.004)}
    assert found(**both) == ()
