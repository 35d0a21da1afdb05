"""What monitoring tells over HTTP: the newest reports, open alerts, and drift on demand."""

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from uuid_utils.compat import uuid7

from configs.settings import load_settings
from credit.profiles import NumberProfile
from services import contract
from services.drifting import DriftDesk
from services.ledger import open_ledger
from services.ledger.reports import (
    DriftReport,
    PerformanceReport,
    add_drift_report,
    add_performance_report,
)
from services.model import ServedModel
from services.monitoring import status
from services.problems import ProblemError
from tests import tiny
from tests.services.conftest import deploy, in_process
from tests.services.test_http import assert_problem

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
STATUS, DRIFT = "/api/monitoring/status", "/api/monitoring/drift"


@pytest.fixture
def settings(tmp_path, package):
    settings = load_settings(home=tmp_path, dataset=tiny.SCHEMA.name)
    deploy(settings, package)
    return settings


@pytest.fixture
def ledger(settings):
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


def add_drift(ledger, package, level: str, days: float, score: float = 0.8) -> None:
    """A report of the day that ends so many days from now."""
    end = NOW + days * DAY
    add_drift_report(
        ledger,
        DriftReport(
            id=uuid7(),
            at=end,
            dataset=tiny.SCHEMA.name,
            digest=package.digest,
            window_start=end - DAY,
            window_end=end,
            score=score,
            level=level,
            drifted_features=3,
            report={"rows": 400},
        ),
    )


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


CALM = {
    "overall": {
        "rows": 900,
        "drops": {"accuracy": interval(0.01, -0.01, 0.03)},
        "observed_to_expected": interval(1.1, 0.9, 1.3),
        "metrics": {},
    },
    "concept": {"changed": 0, "rows": 900, "relations": []},
    "fairness": {"periods": [], "problem": "no key"},
}
DROPPED = {
    "drops": {"accuracy": interval(0.08, 0.02, 0.14)},
    "observed_to_expected": interval(1.6, 1.2, 2.0),
    "metrics": {"auc": interval(0.7, 0.6, 0.8)},
}
CHANGED = {
    "changed": 1,
    "rows": 900,
    "relations": [
        {"name": "amount", "has_changed": True},
        {"name": "duration", "has_changed": False},
    ],
}
UNFAIR = {
    "problem": "",
    "periods": [
        {
            "period": "2026-08",
            "worst": {
                "column": "sex",
                "group": "f",
                "against": "m",
                "ratio": interval(0.71, 0.6, 0.82),
            },
        },
        {"period": "2026-09", "worst": None},
    ],
}


def add_performance(ledger, package, **changes) -> None:
    add_performance_report(
        ledger,
        PerformanceReport(
            id=uuid7(),
            at=NOW,
            dataset=tiny.SCHEMA.name,
            digest=package.digest,
            window_start=NOW - DAY,
            window_end=NOW,
            accuracy=0.8,
            auc=0.7,
            report={**CALM, **changes},
        ),
    )


def alerts(ledger, settings, now: datetime = NOW) -> dict[str, tuple[str, str]]:
    found = status(ledger, settings, now)["alerts"]
    return {each["kind"]: (each["level"], each["message"]) for each in found}


def test_nothing_is_known_before_anything_was_looked_at(ledger, settings, package):
    found = status(ledger, settings, datetime.now(UTC))
    assert found == {
        "dataset": "tiny-credit",
        "version": package.digest[:12],
        "drift": None,
        "performance": None,
        "fairness": None,
        "alerts": [],
    }


@pytest.mark.parametrize(
    ("levels", "level"),
    [
        (["calm"], None),
        (["warning"], None),
        (["warning", "warning"], "warning"),
        (["critical", "warning"], "warning"),
        (["critical"], "critical"),
        (["critical", "calm"], None),
    ],
)
def test_two_windows_in_a_row_or_a_critical_one_are_an_alert(
    ledger, settings, package, levels, level
):
    for place, each in enumerate(levels):
        add_drift(ledger, package, each, place - len(levels) + 1)
    found = alerts(ledger, settings)
    assert found.get("drift", (None,))[0] == level
    if level:
        assert "has a drift score of 0.80; 3 features have drifted" in found["drift"][1]


def test_windows_of_the_model_before_are_shown_and_no_alert(ledger, settings, package):
    add_drift(ledger, tiny.package(shift=-1.3), "critical", 0)
    add_performance(ledger, tiny.package(shift=-1.3), concept=CHANGED)
    assert alerts(ledger, settings) == {}
    found = status(ledger, settings, NOW)
    assert found["drift"]["version"] == tiny.package(shift=-1.3).digest[:12]
    assert found["performance"]["report"]["concept"] == CHANGED


def test_a_check_that_stopped_is_told(ledger, settings, package):
    add_drift(ledger, package, "calm", 0)
    assert alerts(ledger, settings, NOW + 2 * DAY) == {}
    level, message = alerts(ledger, settings, NOW + 2.1 * DAY)["silence"]
    assert level == "warning"
    assert f"no window was judged since {NOW:%Y-%m-%d %H:%M} UTC" in message


def test_calm_performance_asks_for_nothing(ledger, settings, package):
    add_performance(ledger, package)
    assert alerts(ledger, settings) == {}


def test_performance_that_fell_is_told_with_its_interval(ledger, settings, package):
    overall = {**CALM["overall"], **DROPPED}
    add_performance(ledger, package, overall=overall, concept=CHANGED, fairness=UNFAIR)
    found = alerts(ledger, settings)
    assert found["accuracy"] == (
        "critical",
        "accuracy fell by 8.0 points [2.0, 14.0] on 900 matured outcomes",
    )
    assert "1.60 [1.20, 2.00] times as many bads" in found["calibration"][1]
    assert found["concept"][1].startswith("amount: another relation")
    assert found["fairness"][1] == (
        "in 2026-08 sex f was approved 0.71 [0.60, 0.82] times as often as m; at least 0.8 is "
        "expected"
    )
    assert set(found) == {"accuracy", "calibration", "concept", "fairness"}


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 400, "drops": DROPPED["drops"]},
        {"drops": {"accuracy": interval(0.08, -0.01, 0.17)}},
        {"drops": {}},
        {"observed_to_expected": None},
    ],
)
def test_what_may_be_luck_is_no_alert(ledger, settings, package, changes):
    add_performance(ledger, package, overall={**CALM["overall"], **changes})
    assert alerts(ledger, settings) == {}


def test_the_status_over_http(settings, ledger, package, monkeypatch):
    add_drift(ledger, package, "critical", 0)
    add_performance(ledger, package, fairness=UNFAIR)
    with in_process(settings, monkeypatch) as (client, _):
        answered, metrics = client.get(STATUS), client.get("/metrics").text.splitlines()
    contract.MonitoringStatus.model_validate_json(answered.content, strict=True)
    found = answered.json()
    assert found["drift"]["score"] == 0.8
    assert found["performance"]["accuracy"] == 0.8
    assert found["fairness"] == UNFAIR
    assert "fairness" not in found["performance"]["report"]
    assert {each["kind"] for each in found["alerts"]} == {"drift", "fairness"}
    assert {"observed_to_expected_bads 1.1", "adverse_impact_ratio 0.71"} <= set(metrics)


def rows(count: int, seed: int = 1, **fixed: object) -> list[dict[str, object]]:
    draw = np.random.default_rng(seed)
    return [
        {
            **tiny.APPLICATION,
            "status": int(draw.integers(1, 4)),
            "duration": int(draw.integers(4, 73)),
            "amount": float(draw.integers(100, 9000)),
            **fixed,
        }
        for _ in range(count)
    ]


def judge(http, **body: object):
    return http.post(DRIFT, json=body)


def columns(answered) -> dict[str, dict[str, object]]:
    return {each["shift"]["name"]: each for each in answered["drift"]["columns"]}


def test_the_same_rows_have_not_moved(http):
    same = rows(300)
    answered = judge(http, current_data=same, reference_data=same)
    contract.DriftJudged.model_validate_json(answered.content, strict=True)
    found = answered.json()
    assert (found["compared_with"], found["drift"]["rows"]) == ("reference_data", 300)
    assert (found["drift"]["score"], found["drift"]["level"]) == (0.0, "calm")
    assert {each["shift"]["statistic"] for each in columns(found).values()} == {0.0}


def test_a_column_that_moved_is_found_and_measured_by_the_reference_that_is_sent(http):
    before, now = rows(400), rows(400, seed=2, amount=8000.5)
    found = judge(http, current_data=now, reference_data=before).json()
    amount = columns(found)["amount"]
    assert amount["has_drifted"]
    profile = NumberProfile.fit(np.array([row["amount"] for row in before]))
    assert amount["shift"]["mean"]["reference"] == pytest.approx(profile.mean)
    assert amount["shift"]["mean"]["window"] == 8000.5
    assert found["drift"]["level"] == "critical"


def test_without_a_reference_the_models_own_counts(http, package):
    found = judge(http, current_data=rows(60)).json()
    assert found["compared_with"] == "the model's reference"
    assert found["drift"]["reference_rows"] == package.reference.rows
    assert judge(http, current_data=rows(60), reference_data=None).json() == found
    assert set(columns(found)) == set(package.reference.columns)


def test_nothing_is_stored(http):
    before = http.get("/metrics").text
    judge(http, current_data=rows(5))
    after = http.get("/metrics").text
    counted = [line for line in after.splitlines() if line.startswith("predictions_total")]
    assert all(line in before for line in counted)


def test_every_field_of_every_row_that_is_wrong_is_named(http):
    wrong = [tiny.APPLICATION, {**tiny.APPLICATION, "duration": 3, "sex": "f"}, 7]
    problem = assert_problem(judge(http, current_data=wrong, reference_data=wrong[:2]), 422)
    assert problem.type.endswith("invalid-drift")
    assert {error.field for error in problem.errors} == {
        "current_data.1.duration",
        "current_data.1.sex",
        "current_data.2.features",
    }
    problem = assert_problem(judge(http, current_data=rows(2), reference_data=wrong[:2]), 422)
    assert {error.field for error in problem.errors} == {
        "reference_data.1.duration",
        "reference_data.1.sex",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "current_data"),
        ({"current_data": []}, "current_data"),
        ({"current_data": None}, "current_data"),
        ({"current_data": {"duration": 4}}, "current_data"),
        ({"current_data": [{}] * 10_001}, "current_data"),
        ({"current_data": [tiny.APPLICATION], "reference_data": []}, "reference_data"),
        ({"current_data": [tiny.APPLICATION], "more": 1}, "more"),
    ],
)
def test_bodies_of_another_shape(http, body, field):
    problem = assert_problem(http.post(DRIFT, json=body), 422)
    assert [error.field for error in problem.errors] == [field]


def test_a_body_that_is_too_large_is_refused(http):
    large = b'{"current_data": "' + b"x" * 50_000_000 + b'"}'
    answered = http.post(DRIFT, content=large, headers={"Content-Type": "application/json"})
    assert_problem(answered, 413)


def test_one_comparison_at_a_time(settings, package):
    """A second one is sent away, so that rows in memory are bounded; decisions go on."""
    desk, model = DriftDesk(settings.drift, most_rows=1000), ServedModel(package)
    body = json.loads(json.dumps({"current_data": rows(500)}))

    async def both() -> list[object]:
        asked = (desk.judge(model, dict(body)) for _ in range(2))
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second = asyncio.run(both())
    assert first["drift"]["rows"] == 500
    assert isinstance(second, ProblemError)
    assert second.status == 503
    assert asyncio.run(both())[0] == first
