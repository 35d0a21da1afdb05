"""Performance on matured outcomes: what counts, against what, and what is said of each figure."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from configs.settings import load_settings
from credit.scoring import Scorer
from credit.vintages import period
from services.application import stored_applications
from services.keys import create_key
from services.ledger import Ledger, open_ledger
from services.ledger.months import months_after
from services.ledger.outcomes import NewOutcome, report_outcomes
from services.ledger.protected import ROLE
from services.ledger.reports import PerformanceReport, add_performance_report
from services.ledger.retention import purge
from services.ledger.reviews import review
from tasks.monitoring.fairness import KEY, NO_KEY
from tasks.monitoring.performance import find, report_of
from tasks.monitoring.performance_findings import NOTES, PerformanceFindings
from tests import tiny
from tests.services.conftest import deploy
from tests.tasks.monitoring.lending import applications, come_true, lend

PACKAGE = tiny.package()
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path):
    return load_settings(home=tmp_path, dataset=tiny.SCHEMA.name)


@pytest.fixture
def ledger(settings):
    deploy(settings, PACKAGE)
    with closing(open_ledger(settings.ledger_uri)) as opened:
        yield opened


@pytest.fixture
def today(ledger) -> datetime:
    """After the deployment."""
    return datetime.now(UTC)


def matured_at(at: datetime, settings) -> datetime:
    return months_after(at, settings.monitoring.horizon_months) + DAY


def test_matured_outcomes_are_counted_and_measured(ledger, settings, today):
    decided = lend(ledger, PACKAGE, today, applications(1500))
    fates = come_true(ledger, decided, today)
    now = matured_at(today, settings)
    found = find(ledger, PACKAGE, settings, now)
    approved = [each for each in decided if each.is_approved]
    bad = np.array([fates[each.id] for each in approved])
    p = np.array([each.judgement.probability for each in approved])
    assert len(approved) > 200
    assert (found.due, found.unreported, found.unreadable) == (len(approved), 0, 0)
    assert (found.overall.rows, found.overall.bads) == (len(approved), bad.sum())
    assert found.overall.mean_pd == pytest.approx(p.mean())
    assert found.overall.metrics["auc"].value == pytest.approx(roc_auc_score(bad, p))
    assert found.overall.metrics["brier"].value == pytest.approx(((bad - p) ** 2).mean())
    threshold = PACKAGE.reference.threshold
    right = (p >= threshold) == bad
    assert found.overall.metrics["accuracy"].value == pytest.approx(right.mean())
    assert set(found.overall.drops) == {"accuracy", "gini", "brier"}
    assert [each.period for each in found.vintages] == [period(today, settings.monitoring.vintage)]
    assert found.vintages[0].performance.rows == len(approved)
    assert found.others.rows == 0
    assert found.concept.rows == len(approved)
    assert {each.name for each in found.concept.relations} == set(PACKAGE.reference.columns)


def test_nothing_has_matured_a_day_too_early(ledger, settings, today):
    come_true(ledger, lend(ledger, PACKAGE, today, applications(300)), today)
    found = find(ledger, PACKAGE, settings, matured_at(today, settings) - 2 * DAY)
    assert (found.due, found.overall.rows, found.overall.metrics) == (0, 0, None)
    assert found.vintages == ()
    assert found.concept is None


def test_what_matured_before_the_model_was_deployed_may_have_trained_it(ledger, settings, today):
    long_ago = months_after(today, -settings.monitoring.horizon_months) - DAY
    come_true(ledger, lend(ledger, PACKAGE, long_ago, applications(300)), long_ago)
    assert find(ledger, PACKAGE, settings, today + DAY).due == 0


def test_the_champion_is_measured_on_what_another_model_decided(ledger, settings, today):
    earlier = tiny.package(shift=-1.4)
    decided = lend(ledger, earlier, today, applications(800))
    come_true(ledger, decided, today)
    found = find(ledger, PACKAGE, settings, matured_at(today, settings))
    approved = [each for each in decided if each.is_approved]
    rows = stored_applications([each.fields for each in approved], PACKAGE.schema)
    p = Scorer(PACKAGE.schema, PACKAGE.graph).probabilities(rows)
    within = p < PACKAGE.policy.approve_below
    assert 0 < within.sum() < len(approved)
    assert (found.overall.rows, found.others.rows) == (within.sum(), (~within).sum())
    assert found.overall.mean_pd == pytest.approx(p[within].mean())
    assert found.others.mean_pd == pytest.approx(p[~within].mean())
    assert found.others.drops == {}


def test_twice_as_many_bads_as_expected_are_seen_with_an_interval(ledger, settings, today):
    come_true(ledger, lend(ledger, PACKAGE, today, applications(1500)), today, times=2.0)
    found = find(ledger, PACKAGE, settings, matured_at(today, settings))
    ratio = found.overall.observed_to_expected
    assert 1 < ratio.low < 2 < ratio.high + 0.3
    assert found.concept.level.low > 0
    assert found.concept.changed == 0


def test_outcomes_that_nobody_reported_are_counted(ledger, settings, today):
    decided = lend(ledger, PACKAGE, today, applications(300))
    approved = [each for each in decided if each.is_approved]
    come_true(ledger, approved[:-7], today)
    found = find(ledger, PACKAGE, settings, matured_at(today, settings))
    assert (found.due, found.unreported) == (len(approved), 7)


def test_purged_and_unreadable_rows_hide_no_others(ledger, settings, today):
    rows = applications(200)
    purged = lend(ledger, PACKAGE, today, rows[:100])
    purge(ledger, today + DAY, "ana")
    broken = lend(ledger, PACKAGE, today + 2 * DAY, rows[100:])
    come_true(ledger, [*purged, *broken], today)
    other = tiny.SCHEMA.model_copy(update={"name": tiny.SCHEMA.name})
    assert other == PACKAGE.schema
    found = find(ledger, PACKAGE, settings, matured_at(today + 3 * DAY, settings))
    gone = sum(each.is_approved for each in purged)
    assert found.unreadable == gone > 0
    assert found.overall.rows == sum(each.is_approved for each in broken)


def test_the_newest_rows_are_measured_and_all_vintages_shown(ledger, settings, today):
    few = settings.model_copy(
        update={"monitoring": settings.monitoring.model_copy(update={"most_matured": 50})}
    )
    old = lend(ledger, PACKAGE, today, applications(300))
    new = lend(ledger, PACKAGE, today + 70 * DAY, applications(400, seed=5))
    come_true(ledger, [*old, *new], today)
    found = find(ledger, PACKAGE, few, matured_at(today + 71 * DAY, settings))
    assert found.overall.rows == 50
    newest = [each.judgement.probability for each in new if each.is_approved][-50:]
    assert found.overall.mean_pd == pytest.approx(np.mean(newest))
    assert len(found.vintages) == 2
    assert sum(each.performance.rows for each in found.vintages) == found.due


def test_what_has_not_matured_is_estimated_and_the_estimate_is_held_against_what_came(
    ledger, settings, today
):
    decided = lend(ledger, PACKAGE, today, applications(1500))
    first = find(ledger, PACKAGE, settings, today + DAY)
    approved = [each for each in decided if each.is_approved]
    p = np.array([each.judgement.probability for each in approved])
    assert first.estimate.estimate.rows == len(approved)
    assert first.estimate.estimate.bad_rate.value == pytest.approx(p.mean())
    assert first.estimate_errors == ()
    kept = keep(ledger, first)
    assert PerformanceFindings.model_validate(kept.report) == first
    fates = come_true(ledger, decided, today)
    later = find(ledger, PACKAGE, settings, matured_at(today + DAY, settings))
    (error,) = later.estimate_errors
    assert (error.rows, error.known) == (len(approved), len(approved))
    found = {each.measure: each for each in error.measures}
    bad = np.array([fates[each.id] for each in approved])
    assert found["bad_rate"].realised == pytest.approx(bad.mean())
    assert found["auc"].realised == pytest.approx(roc_auc_score(bad, p))
    assert found["auc"].error == pytest.approx(
        first.estimate.estimate.auc.value - found["auc"].realised
    )
    baseline = PACKAGE.reference.baseline.metrics["brier"].value
    assert found["brier"].assumed_error == pytest.approx(baseline - found["brier"].realised)
    assert later.estimate is None


def keep(ledger: Ledger, findings: PerformanceFindings) -> PerformanceReport:
    return add_performance_report(ledger, report_of(findings, PACKAGE))


def test_overrides_are_counted_by_period(ledger, settings, today):
    key = create_key(ledger, "ana", ("review",)).key
    decided = lend(ledger, PACKAGE, today, applications(60))
    declined = [each for each in decided if each.judgement.decision == "decline"]
    review(ledger, declined[0].id, "approve", "two payslips", key)
    review(ledger, declined[1].id, "decline", "agreed", key)
    (month,) = find(ledger, PACKAGE, settings, today + DAY).overrides
    assert month.overrides.overridden == 1
    assert month.overrides.to_approve.value == pytest.approx(1 / len(declined))


def test_fairness_needs_a_key_of_its_role_and_says_so(ledger, settings, today, monkeypatch):
    rows = applications(400)
    stated = [{"sex": "f" if place % 2 else "m", "age": 30} for place in range(len(rows))]
    for place, row in enumerate(rows):
        if place % 2:
            row["status"] = "2"  # whom the model likes less
    decided = lend(ledger, PACKAGE, today, rows, stated)
    monkeypatch.delenv(KEY, raising=False)
    assert find(ledger, PACKAGE, settings, today + DAY).fairness.problem == NO_KEY
    monitor = create_key(ledger, "job", ("monitor",)).token
    monkeypatch.setenv(KEY, monitor)
    problem = find(ledger, PACKAGE, settings, today + DAY).fairness.problem
    assert "this needs fairness" in problem
    assert monitor not in problem
    monkeypatch.setenv(KEY, create_key(ledger, "job", (ROLE,)).token)
    fairness = find(ledger, PACKAGE, settings, today + DAY).fairness
    assert (fairness.rows, fairness.problem) == (400, "")
    (month,) = fairness.periods
    women, men = ([each.is_approved for each in decided[start::2]] for start in (1, 0))
    assert month.worst.ratio.value == pytest.approx(np.mean(women) / np.mean(men))
    assert month.worst.group == "f"


def test_one_attribute_that_cannot_be_read_hides_no_other(ledger, settings, today, monkeypatch):
    stated = [{"sex": "f" if place % 2 else "m", "age": "old"} for place in range(300)]
    lend(ledger, PACKAGE, today, applications(300), stated)
    monkeypatch.setenv(KEY, create_key(ledger, "job", (ROLE,)).token)
    fairness = find(ledger, PACKAGE, settings, today + DAY).fairness
    assert [column.name for column in fairness.periods[0].columns] == ["sex"]
    assert fairness.notes == ("age: its stored values are not those of the spec; it is left out",)


def test_the_same_look_is_stored_once(ledger, settings, today):
    findings = find(ledger, PACKAGE, settings, today + DAY)
    first, second = keep(ledger, findings), keep(ledger, findings)
    assert first == second


def test_each_figure_says_what_it_means_that_only_the_approved_have_outcomes():
    figures = set(PerformanceFindings.model_fields) & set(NOTES)
    assert figures == set(NOTES)
    assert {"overall", "vintages", "concept", "estimate", "overrides", "fairness"} <= figures


def test_a_report_of_a_late_outcome_counts_at_the_next_look(ledger, settings, today):
    decided = [each for each in lend(ledger, PACKAGE, today, applications(120)) if each.is_approved]
    come_true(ledger, decided, today, times=0.0)
    now = matured_at(today, settings)
    assert find(ledger, PACKAGE, settings, now).overall.bads == 0
    late = NewOutcome(decided[0].id, bad=True, observed_on=(now + 30 * DAY).date())
    report_outcomes(ledger, [late], "ben")
    assert find(ledger, PACKAGE, settings, now).overall.bads == 0
    assert find(ledger, PACKAGE, settings, now + 31 * DAY).overall.bads == 1
