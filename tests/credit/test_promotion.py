import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit import training
from credit.comparison import Compared, Comparison, Difference
from credit.intervals import Interval
from credit.plan import PromotionPlan
from credit.promotion import MOST_DIFFERENCE, Challenger, Gate, Verdict, judge

PLAN = PromotionPlan(
    approval_days=7,
    least_auc=0.65,
    auc_margin=0.01,
    profit_margin=0.05,
    calibration_slope=(0.8, 1.2),
    calibration_intercept=(-0.2, 0.2),
    most_milliseconds=50,
)
GOOD = Challenger(
    auc=Interval(0.75, 0.73, 0.77),
    calibration_slope=Interval(1.0, 0.9, 1.1),
    calibration_intercept=Interval(0.0, -0.1, 0.1),
    parity=1e-7,
    milliseconds=3.0,
    impact_ratio=0.9,
    impact_group="SEX: 2 against 1",
)


def difference(low: float, margin: float = 0.01) -> Difference:
    return Difference.judge(
        champion=0.75,
        challenger=0.76,
        difference=Interval(low + 0.005, low, low + 0.01),
        margin=margin,
    )


def compared(auc: float | None = -0.005, profit: float = -1.0, rows: int = 100) -> Compared:
    return Compared.judge(
        rows=rows,
        bads=20,
        auc=None if auc is None else difference(auc),
        profit=difference(profit, 5.0),
        note="AUC cannot be compared on 99 good and 1 bad rows" if auc is None else "",
    )


def against(all_rows: Compared = compared(), approved: Compared = compared()) -> Comparison:  # noqa: B008 immutable
    return Comparison.judge(all_rows=all_rows, approved=approved)


def verdict(comparison: Comparison | None = against(), **changed: object) -> Verdict:  # noqa: B008 immutable
    return judge(GOOD.model_copy(update=changed), comparison, 0.8, PLAN)


def failed(given: Verdict) -> list[str]:
    return [gate.name for gate in given.failed]


def test_what_passes_all_gates_is_promoted_with_a_reason_for_each():
    result = verdict()
    assert (result.overall, failed(result)) == ("promote", [])
    assert result.reason == "all 11 gates are passed"
    assert all(gate.reason and gate.limit for gate in result.gates)


def test_a_first_model_is_not_compared_and_that_is_said():
    result = verdict(None)
    assert result.overall == "promote"
    (gate,) = [gate for gate in result.gates if gate.name == "champion"]
    assert gate.reason == "no model is in production, so there is none to compare with"


@pytest.mark.parametrize(
    ("changed", "gate", "reason"),
    [
        ({"auc": Interval(0.70, 0.649, 0.75)}, "AUC", r"is 0.6490, at least 0.65"),
        ({"auc": Interval(0.70, math.nan, 0.75)}, "AUC", "is nan"),
        (
            {"calibration_slope": Interval(0.7, 0.6, 0.79)},
            "calibration slope",
            "0.600 to 0.790, which must touch 0.8 to 1.2",
        ),
        ({"calibration_slope": Interval(1.5, 1.21, 1.8)}, "calibration slope", "must touch"),
        (
            {"calibration_intercept": Interval(-0.3, -0.4, -0.21)},
            "calibration intercept",
            "must touch -0.2 to 0.2",
        ),
        ({"calibration_intercept": Interval(math.nan, math.nan, math.nan)}, None, "nan"),
        ({"parity": 1.1e-5}, "parity", "1.1e-05, at most 1e-05 is allowed"),
        ({"parity": math.nan}, "parity", "nan"),
        ({"milliseconds": 51.0}, "latency", "51 ms, at most 50 ms"),
        ({"missing_documents": ("model card",)}, "documents", "missing: model card"),
    ],
)
def test_each_gate_refuses_by_its_name(changed, gate, reason):
    result = verdict(**changed)
    assert result.overall == "refuse"
    assert failed(result) == [gate or "calibration intercept"]
    assert reason in result.failed[0].reason
    assert result.reason == f"{result.failed[0].name}: {result.failed[0].reason}"


@pytest.mark.parametrize(
    ("comparison", "gate"),
    [
        (against(all_rows=compared(auc=-0.011)), "AUC against champion, all test rows"),
        (against(approved=compared(auc=-0.011)), "AUC against champion, approved rows"),
        (against(all_rows=compared(profit=-5.1)), "profit against champion, all test rows"),
        (against(approved=compared(profit=-5.1)), "profit against champion, approved rows"),
    ],
)
def test_a_worse_challenger_is_refused_by_the_measure_and_the_rows(comparison, gate):
    result = verdict(comparison)
    assert (result.overall, failed(result)) == ("refuse", [gate])
    assert "lower 95% bound of the difference" in result.failed[0].reason


def test_an_interval_that_touches_the_calibration_range_passes():
    assert verdict(calibration_slope=Interval(0.7, 0.6, 0.8)).overall == "promote"
    assert verdict(calibration_intercept=Interval(0.3, 0.2, 0.5)).overall == "promote"


@pytest.mark.parametrize("ratio", [0.79, math.nan])
def test_an_unfair_challenger_is_for_a_person_only(ratio):
    result = verdict(impact_ratio=ratio)
    assert (result.overall, failed(result)) == ("needs approval", ["adverse-impact ratio"])
    assert "SEX: 2 against 1, at least 0.8 is asked for" in result.reason


def test_an_unfair_and_worse_challenger_is_refused_for_both_reasons():
    result = verdict(impact_ratio=0.5, milliseconds=80.0)
    assert (result.overall, failed(result)) == ("refuse", ["adverse-impact ratio", "latency"])
    assert "0.500 for SEX" in result.reason
    assert "80 ms" in result.reason


def test_no_judged_group_passes_and_that_is_said():
    result = verdict(impact_ratio=None, impact_group="")
    assert result.overall == "promote"
    assert "no protected group has enough rows to be judged" in str(result)


def test_auc_that_cannot_be_compared_is_for_a_person():
    result = verdict(against(approved=compared(auc=None)))
    assert (result.overall, failed(result)) == (
        "needs approval",
        ["AUC against champion, approved rows"],
    )
    assert "99 good and 1 bad" in result.reason


def test_a_champion_that_approves_nobody_can_be_replaced_by_a_person():
    nobody = Compared.judge(
        rows=0, bads=0, auc=None, profit=difference(0.0, 0.0), note="AUC cannot be compared"
    )
    assert failed(verdict(against(approved=nobody))) == ["AUC against champion, approved rows"]


def test_the_limit_of_parity_is_that_of_the_package():
    assert MOST_DIFFERENCE == training.MOST_DIFFERENCE


def test_a_verdict_survives_json_also_where_numbers_do_not():
    result = verdict(auc=Interval(math.nan, math.nan, math.nan))
    text = json.dumps(result.model_dump(mode="json"), allow_nan=False)
    assert Verdict.model_validate_json(text) == result


GATES = st.builds(
    Gate,
    name=st.just("gate"),
    passed=st.booleans(),
    value=st.none(),
    limit=st.just("limit"),
    reason=st.just("reason"),
    person_may_overlook=st.booleans(),
)


@given(st.lists(GATES, max_size=6))
def test_one_gate_that_nobody_may_overlook_refuses(gates):
    result = Verdict.of(tuple(gates))
    hard = any(not gate.passed and not gate.person_may_overlook for gate in gates)
    soft = any(not gate.passed and gate.person_may_overlook for gate in gates)
    expected = "refuse" if hard else "needs approval" if soft else "promote"
    assert result.overall == expected


def test_groups_that_cannot_be_compared_are_for_a_person():
    result = verdict(impact_ratio=None, no_impact_ratio=("SEX",))
    assert (result.overall, failed(result)) == ("needs approval", ["adverse-impact ratio"])
    assert result.failed[0].reason == "nobody of the reference group of SEX is approved"
