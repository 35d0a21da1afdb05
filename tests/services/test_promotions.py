"""Promotions and rollbacks in a real ledger."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from services.keys import create_key
from services.ledger import (
    ApiKey,
    Candidate,
    Ledger,
    LedgerError,
    PromotionError,
    database,
    open_ledger,
    store,
)

DATASET = "german-credit"
OLD, NEW, OTHER = "ab" * 32, "cd" * 32, "ef" * 32
PASSED = {"overall": "promote", "reason": "all 11 gates are passed", "gates": []}
UNFAIR = {"overall": "needs approval", "reason": "adverse-impact ratio: 0.7", "gates": []}
WORSE = {"overall": "refuse", "reason": "AUC: 0.6", "gates": []}


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url) -> Ledger:
    return open_ledger(url)


@pytest.fixture
def bob(ledger) -> ApiKey:
    return create_key(ledger, "bob", ("approve",)).key


def candidate(digest: str = NEW, champion: str | None = None, run_id: str = "run-1") -> Candidate:
    return Candidate(
        dataset=DATASET,
        digest=digest,
        uri=f"packages/{digest}",
        family="xgboost",
        run_id=run_id,
        requester="ana (training deployment)",
        reason=f"champion of training {run_id}",
        champion=champion,
    )


def put(ledger: Ledger, digest: str = OLD):
    return ledger.deploy(DATASET, digest, f"packages/{digest}", "woe_logistic", "ana", "first")


def ask(ledger: Ledger, verdict=PASSED, approval="manual", **which):
    return ledger.request(candidate(**which), verdict, approval, 7)


def state(ledger: Ledger, promotion):
    (found,) = [each for each in ledger.promotions() if each.id == promotion.id]
    return found.state(store.datetime.now(store.UTC))


def later(monkeypatch, delta: timedelta) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + delta

    monkeypatch.setattr(store, "datetime", Later)


def test_automatic_approval_deploys_at_once_and_keeps_the_verdict(ledger):
    promotion = ask(ledger, approval="auto")
    current = ledger.current(DATASET)
    assert (current.digest, current.promotion_id, current.approver) == (NEW, promotion.id, None)
    assert current.reason == "champion of training run-1; all 11 gates are passed"
    assert (current.actor, current.run_id) == ("ana (training deployment)", "run-1")
    assert ledger.promotions(DATASET) == [promotion]
    assert promotion.verdict == PASSED
    assert (promotion.decision.decision, promotion.decision.key_id) == ("approve", None)
    assert promotion.id.version == 7


def test_manual_approval_waits_for_a_person(ledger, bob):
    promotion = ask(ledger)
    assert state(ledger, promotion) == "waiting"
    assert ledger.current(DATASET) is None
    deployment = ledger.approve(promotion.id, bob, "looked at the report")
    assert ledger.current(DATASET) == deployment
    assert (deployment.approver, deployment.promotion_id) == ("bob", promotion.id)
    assert (deployment.actor, deployment.reason) == (
        "ana (training deployment)",
        "looked at the report",
    )
    (decided,) = ledger.promotions(DATASET)
    assert decided.decision.key_owner == "bob"
    assert decided.decision.key_id == bob.id
    assert decided.decision.reason == "looked at the report"
    assert state(ledger, promotion) == "approved"


def test_what_only_a_person_may_overlook_waits_even_where_approval_is_automatic(ledger):
    assert state(ledger, ask(ledger, UNFAIR, "auto")) == "waiting"
    assert ledger.current(DATASET) is None


@pytest.mark.parametrize("approval", ["auto", "manual"])
def test_what_the_gates_refuse_is_kept_but_nobody_can_approve_it(ledger, bob, approval):
    promotion = ask(ledger, WORSE, approval)
    assert state(ledger, promotion) == "refused"
    with pytest.raises(PromotionError, match=r"was refused by the gates: AUC: 0\.6"):
        ledger.approve(promotion.id, bob, "please")
    assert ledger.current(DATASET) is None


def test_the_package_in_production_is_not_promoted_again(ledger):
    put(ledger, NEW)
    assert ask(ledger, approval="auto", champion=NEW) is None
    assert ledger.promotions() == []
    assert len(ledger.history(DATASET)) == 1


@pytest.mark.parametrize("approval", ["auto", "manual"])
def test_a_run_that_asks_again_gets_its_first_answer(ledger, approval):
    first = ask(ledger, approval=approval)
    assert ask(ledger, approval=approval) == first
    assert ledger.promotion_of_run("run-1") == first
    assert ledger.promotion_of_run("run-2") is None
    assert len(ledger.history(DATASET)) == (approval == "auto")


def test_approving_twice_deploys_once(ledger, bob):
    promotion = ask(ledger)
    first = ledger.approve(promotion.id, bob, "fine")
    assert ledger.approve(promotion.id, bob, "again") == first
    assert ledger.history(DATASET) == [first]


def test_an_approval_that_was_rolled_back_since_is_not_repeated(ledger, bob):
    put(ledger, OLD)
    promotion = ask(ledger, champion=OLD)
    ledger.approve(promotion.id, bob, "fine")
    back(ledger)
    with pytest.raises(PromotionError, match="was approved, but another model is in production"):
        ledger.approve(promotion.id, bob, "again")
    assert ledger.current(DATASET).digest == OLD


def test_approvals_at_the_same_moment_deploy_once(ledger, url, bob):
    promotion = ask(ledger)
    ledgers = [open_ledger(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: one.approve(promotion.id, bob, "fine"), ledgers))
    assert len({row.id for row in found}) == 1
    assert len(ledger.history(DATASET)) == 1


def test_an_approval_without_its_deployment_is_not_stored(ledger, url, bob):
    """As when the process dies between the two."""
    promotion = ask(ledger)
    engine = database.connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER crash BEFORE INSERT ON deployments "
            "BEGIN SELECT RAISE(ABORT, 'the lights went out'); END"
        )
    with pytest.raises(LedgerError, match="the lights went out"):
        ledger.approve(promotion.id, bob, "fine")
    assert state(ledger, promotion) == "waiting"
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER crash")
    assert ledger.approve(promotion.id, bob, "fine").digest == NEW


@pytest.mark.parametrize("owner", ["ana", "Ana", " ANA "])
def test_who_asked_cannot_approve(ledger, owner):
    own = create_key(ledger, owner, ("approve", "admin")).key
    promotion = ask(ledger)
    with pytest.raises(PromotionError, match="another person must decide"):
        ledger.approve(promotion.id, own, "mine is good")
    assert state(ledger, promotion) == "waiting"
    assert ledger.current(DATASET) is None
    assert ledger.approve(promotion.id, own, "small team", requester_may_approve=True)


def test_who_asked_may_take_it_back(ledger):
    own = create_key(ledger, "ana", ("approve",)).key
    promotion = ask(ledger)
    assert ledger.reject(promotion.id, own, "found a mistake").decision.decision == "reject"


@pytest.mark.parametrize("way", ["approve", "reject"])
def test_a_key_that_was_revoked_meanwhile_or_lacks_the_role_decides_nothing(ledger, bob, way):
    promotion = ask(ledger)
    scorer = create_key(ledger, "carl", ("score", "admin")).key
    ledger.revoke_key(bob.id)
    for key in (bob, scorer):
        with pytest.raises(PromotionError, match="may not approve"):
            getattr(ledger, way)(promotion.id, key, "x")
    assert state(ledger, promotion) == "waiting"


def test_what_was_rejected_stays_out(ledger, bob):
    promotion = ask(ledger)
    rejected = ledger.reject(promotion.id, bob, "too many declines")
    assert state(ledger, promotion) == "rejected"
    assert ledger.reject(promotion.id, bob, "again") == rejected
    with pytest.raises(PromotionError, match="was rejected: too many declines"):
        ledger.approve(promotion.id, bob, "on second thought")
    assert ledger.current(DATASET) is None


def test_what_was_approved_cannot_be_rejected(ledger, bob):
    promotion = ask(ledger)
    ledger.approve(promotion.id, bob, "fine")
    with pytest.raises(PromotionError, match="is approved already: fine"):
        ledger.reject(promotion.id, bob, "oh no")


def test_a_promotion_lapses_when_nobody_decides(ledger, bob, monkeypatch):
    promotion = ask(ledger)
    later(monkeypatch, timedelta(days=6.9))
    assert state(ledger, promotion) == "waiting"
    later(monkeypatch, timedelta(days=7, seconds=1))
    assert state(ledger, promotion) == "lapsed"
    assert ledger.promotion_of_run("run-1").decision is None
    with pytest.raises(PromotionError, match="has lapsed: nobody decided until"):
        ledger.approve(promotion.id, bob, "late")
    assert ledger.promotion_of_run("run-1").decision.decision == "lapse"
    assert ledger.current(DATASET) is None


def test_a_promotion_lapses_when_its_champion_is_gone(ledger, bob):
    put(ledger, OLD)
    waiting = ask(ledger, champion=OLD)
    other = ask(ledger, digest=OTHER, champion=OLD, run_id="run-2")
    ledger.approve(other.id, bob, "better")
    assert state(ledger, waiting) == "lapsed"
    with pytest.raises(PromotionError, match="compared with version abababababab, but version ef"):
        ledger.approve(waiting.id, bob, "too")
    assert ledger.current(DATASET).digest == OTHER


@pytest.mark.parametrize("approval", ["auto", "manual"])
def test_a_comparison_with_another_champion_than_the_one_in_production_is_worth_nothing(
    ledger, approval
):
    put(ledger, OTHER)
    promotion = ask(ledger, approval=approval, champion=OLD)
    assert promotion.decision.decision == "lapse"
    assert "but version efefefefefef is in production by now" in promotion.decision.reason
    assert ledger.current(DATASET).digest == OTHER


def test_another_data_set_is_not_touched(ledger, bob):
    promotion = ask(ledger)
    ledger.deploy("taiwan-default", OTHER, "packages/x", "xgboost", "ana", "first")
    assert state(ledger, promotion) == "waiting"
    assert ledger.promotions("taiwan-default") == []


def test_an_unknown_promotion_says_so(ledger, bob):
    unknown = ask(ledger).id.__class__(int=0)
    with pytest.raises(PromotionError, match="there is no promotion 0000"):
        ledger.approve(unknown, bob, "x")


def test_the_database_takes_one_decision_for_each_promotion(ledger, url, bob):
    promotion = ask(ledger)
    ledger.reject(promotion.id, bob, "no")
    with (
        database.connect(url).begin() as connection,
        pytest.raises(sa.exc.IntegrityError, match="UNIQUE"),
    ):
        connection.exec_driver_sql(
            "INSERT INTO promotion_decisions SELECT * FROM promotion_decisions"
        )


# --- rollback


def back(ledger, to=None):
    target = ledger.rollback_target(DATASET, to)
    return ledger.roll_back(ledger.current(DATASET), target, "eve", "it misbehaves")


def test_rollback_puts_the_one_before_back_and_is_in_the_history(ledger):
    old = put(ledger, OLD)
    put(ledger, NEW)
    row = back(ledger)
    assert ledger.current(DATASET) == row
    assert (row.digest, row.uri, row.family) == (old.digest, old.uri, old.family)
    assert (row.action, row.actor, row.reason) == ("rollback", "eve", "it misbehaves")
    assert [each.digest for each in ledger.history(DATASET)] == [OLD, NEW, OLD]


def test_what_was_rolled_back_does_not_come_back_by_the_next_rollback(ledger):
    for digest in (OTHER, OLD, NEW):
        put(ledger, digest)
    assert back(ledger).digest == OLD
    assert back(ledger).digest == OTHER
    with pytest.raises(PromotionError, match="no earlier model to go back to"):
        back(ledger)


def test_rollback_to_a_named_one_that_was_in_production(ledger):
    for digest in (OTHER, OLD, NEW):
        put(ledger, digest)
    assert back(ledger, OTHER[:6]).digest == OTHER
    assert back(ledger, NEW).digest == NEW
    assert back(ledger).digest == OTHER


@pytest.mark.parametrize("digests", [(), (OLD,)])
def test_rollback_with_nothing_to_go_back_to_is_refused(ledger, digests):
    for digest in digests:
        put(ledger, digest)
    with pytest.raises(PromotionError, match="german-credit has no earlier model"):
        ledger.rollback_target(DATASET)


@pytest.mark.parametrize(
    ("to", "message"),
    [(OTHER, "0 versions that were in production"), (NEW, "is in production already"), ("", None)],
)
def test_rollback_to_what_never_served_or_serves_is_refused(ledger, to, message):
    put(ledger, OLD)
    put(ledger, NEW)
    if message is None:
        assert ledger.rollback_target(DATASET, to).digest == OLD
        return
    with pytest.raises(PromotionError, match=message):
        ledger.rollback_target(DATASET, to)


def test_rollback_when_production_has_changed_meanwhile_is_refused(ledger):
    put(ledger, OLD)
    put(ledger, NEW)
    leaving, target = ledger.current(DATASET), ledger.rollback_target(DATASET)
    put(ledger, OTHER)
    with pytest.raises(PromotionError, match="efefefefefef is in production of german-credit by"):
        ledger.roll_back(leaving, target, "eve", "x")


def test_rollback_ends_what_was_compared_with_the_one_it_takes_out(ledger):
    put(ledger, OLD)
    put(ledger, NEW)
    waiting = ask(ledger, digest=OTHER, champion=NEW)
    back(ledger)
    assert state(ledger, waiting) == "lapsed"


# --- migration


def test_an_older_ledger_is_brought_up_to_date_and_keeps_its_history(url):
    engine = database.connect(url)
    database.upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO deployments VALUES (?, '2026-01-01 00:00:00.000000', ?, ?, 'packages/x', "
            "'xgboost', 'deploy', 'ana', 'first', NULL)",
            ("018f2e3c00007000800000000000000a", DATASET, OLD),
        )
    (row,) = open_ledger(url).history(DATASET)
    assert (row.digest, row.reason, row.promotion_id, row.approver) == (OLD, "first", None, None)
    put(open_ledger(url), NEW)
    database.downgrade(engine, "0001")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM deployments").scalar() == 2
