"""What people are told: exact words, and when they are told at all."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from credit.features import Applications
from services.ledger import open_ledger
from services.ledger.tables import decisions
from tasks.monitoring.drift import DriftCheck, check_window
from tasks.monitoring.findings import Findings, facts, message
from tasks.monitoring.replaying import Replayed, replay_decisions
from tests import tiny
from tests.services.conftest import deploy, settings_in
from tests.services.deciding import DATASET, NOW
from tests.traffic import decide_on

AMOUNT = tiny.SCHEMA.number_fields.index("amount")
ID = UUID(int=7)
SAME = Replayed(1000, (), ())


@pytest.fixture(scope="module")
def checks(tmp_path_factory) -> dict[str, DriftCheck]:
    """A night that is calm, one with larger amounts, and one with a handful of decisions."""
    settings, package = settings_in(tmp_path_factory.mktemp("home")), tiny.package()
    normal, shifted = tiny.applications(300, 1), tiny.applications(300, 2)
    numbers = shifted.numbers.copy()
    numbers[:, AMOUNT] += 400
    nights = {
        "calm": normal,
        "critical": Applications(numbers, shifted.categories),
        "few": tiny.applications(3),
    }
    found = {}
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        for day, (name, applications) in enumerate(nights.items()):
            at = NOW + timedelta(days=day)
            decide_on(ledger, package, applications, at - timedelta(hours=1))
            found[name] = check_window.fn(package, at, settings)
    return found


def findings(check: DriftCheck, replayed=SAME, problems=()) -> Findings:
    return Findings(check, replayed, None, None, problems)


def test_a_calm_night_in_words(checks):
    told = message(findings(checks["calm"]))
    which = f"version {checks['calm'].window.digest[:12]} decided on 300 applications"
    assert told.title == f"{DATASET}: drift is calm"
    assert told.lines == (
        f"{which} from 2026-02-28 12:00 to 2026-03-01 12:00 UTC",
        "drift score 0.00; 0 of 6 columns have drifted",
        "1,000 decisions drawn at random were recomputed, and each came out as stored",
    )


def test_a_shift_in_words_and_for_programs(checks):
    told = message(findings(checks["critical"], Replayed(1000, (ID,), ()), ("no page",)))
    assert told.title == f"{DATASET}: drift is critical"
    assert told.lines[2].startswith("amount: score 0.9")
    assert "mean 4" in told.lines[2]
    assert told.lines[-2] == (
        f"1,000 decisions drawn at random were recomputed, and 1 came out otherwise, as {ID}; "
        "`creditloop verify ID` says how"
    )
    assert told.lines[-1] == "no page"
    said = facts(findings(checks["critical"]))
    assert (said["level"], said["alert"], said["before"]) == ("critical", "critical", "calm")
    assert said["drifted_columns"] == ["amount"]
    assert said["window"]["start"] == "2026-03-01T12:00:00+00:00"
    assert (said["replayed"], said["differing"], said["is_judged"]) == (1000, 0, True)


def test_too_few_in_words(checks):
    told = message(findings(checks["few"]))
    assert told.title == f"{DATASET}: too few decisions to judge drift"
    assert told.lines[1].startswith("200 are needed: ")


@pytest.mark.parametrize(
    ("name", "changes", "replayed", "problems", "is_told"),
    [
        ("calm", {}, SAME, (), False),
        ("critical", {}, SAME, (), True),
        ("critical", {"alert": "calm"}, SAME, (), False),  # one warning alone is none
        ("calm", {"before": "warning"}, SAME, (), True),  # it is over
        ("few", {"before": "critical"}, SAME, (), False),  # nobody knows yet
        ("calm", {}, Replayed(1000, (ID,), ()), (), True),
        ("calm", {}, None, ("the step failed",), True),
    ],
)
def test_who_is_told_of_what(checks, name, changes, replayed, problems, is_told):
    check = replace(checks[name], **changes)
    assert findings(check, replayed, problems).is_worth_telling == is_told


def test_titles_of_what_began_and_what_is_over(checks):
    over = message(findings(replace(checks["calm"], before="critical"))).title
    assert over == f"{DATASET}: drift is calm again"
    report = replace(checks["critical"].report, level="warning")
    first = message(findings(replace(checks["critical"], report=report, alert="calm"))).title
    assert first == f"{DATASET}: one window is a warning, a second one would be an alert"


def test_a_replay_names_what_was_changed_and_counts_what_was_looked_at(tmp_path):
    settings, package = settings_in(tmp_path), tiny.package()
    deploy(settings, package)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        ids = decide_on(ledger, package, tiny.applications(60, 1), NOW)
        assert replay_decisions.fn(DATASET, settings) == Replayed(60, (), ())
        with ledger.writing() as connection:
            row = decisions.c.id == ids[4]
            connection.execute(update(decisions).where(row).values(score=1))
        assert replay_decisions.fn(DATASET, settings).differing == (ids[4],)
        some = settings.model_copy(
            update={"monitoring": settings.monitoring.model_copy(update={"replayed": 7})}
        )
        assert replay_decisions.fn(DATASET, some).rows == 7
