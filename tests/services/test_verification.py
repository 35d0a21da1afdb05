"""Replay: stored decisions come out the same, and what was changed is found."""

import asyncio
from contextlib import closing
from datetime import timedelta

import httpx
import orjson
import pytest
from sqlalchemy import update

from credit.package import Contents, Package, PackageError, Provenance
from services.deciding import Desk
from services.ledger import Ledger, open_ledger
from services.ledger.chain import payload_hash
from services.ledger.decisions import (
    StoredDecision,
    find_decision,
    read_decisions,
    sample_decisions,
)
from services.ledger.journal import Journal
from services.ledger.referrals import refer_all
from services.ledger.retention import purge
from services.ledger.tables import decisions
from services.model import CurrentModel, ServedModel
from services.serve import running_service
from services.verification import Replay, Verified, Verifier, verify_decision
from tests import tiny
from tests.services.conftest import deploy, settings_in
from tests.services.deciding import DATASET, decide, new_decision, store

DECLINED = {**tiny.APPLICATION, "amount": 30000.25, "duration": 60}
PLAIN = {"status": 3, "duration": 12, "amount": 500, "bureau score": 900}
VARIED = [
    {**tiny.APPLICATION, "duration": 4 + number % 69, "amount": 100.1 + 333.3 * number}
    for number in range(40)
]


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def ask(ledger: Ledger, package: Package, applications, how="not approved", is_on=False):
    """Decide as the service does; the ids."""
    model, current = ServedModel(package), CurrentModel()
    if is_on:
        current.referral = refer_all(ledger, DATASET, True, "ana", "drift")
    asked = [model.reader.read({"features": each}) for each in applications]
    with closing(Journal(ledger.engine, 1000)) as journal:
        desk = Desk(current, ledger, journal, timedelta(hours=1), lambda rows: None)
        decided = asyncio.run(desk.decide(model, asked, how))
    return [each.answer["id"] for each in decided]


def change(ledger: Ledger, id_, **values) -> StoredDecision:
    with ledger.writing() as connection:
        connection.execute(update(decisions).where(decisions.c.id == id_).values(**values))
    return find_decision(ledger, id_)


def forge(ledger: Ledger, id_, **answer) -> StoredDecision:
    """Change the stored answer, and its hash with it."""
    payload = orjson.loads(find_decision(ledger, id_).payload)
    payload["answer"] |= answer
    text = orjson.dumps(payload).decode()
    return change(ledger, id_, payload=text, payload_hash=payload_hash(text))


@pytest.mark.parametrize("how", ["not approved", "all", "none"])
@pytest.mark.parametrize("is_on", [False, True])
def test_what_was_decided_comes_out_the_same(ledger, package, how, is_on):
    ids = ask(ledger, package, [PLAIN, tiny.APPLICATION, DECLINED, *VARIED], how, is_on)
    stored = [find_decision(ledger, id_) for id_ in ids]
    assert len({each.decision for each in stored}) == (1 if is_on else 3)
    assert [verify_decision(each, package) for each in stored] == [[]] * len(ids)
    assert Verifier(package).verify(stored) == [Verified(id_) for id_ in ids]


def test_a_batch_replays_with_rows_that_were_asked_for_otherwise(ledger, package):
    ids = [*ask(ledger, package, VARIED, "all"), *ask(ledger, package, VARIED, "none")]
    stored = [find_decision(ledger, id_) for id_ in ids]
    assert Verifier(package).verify(stored[::-1]) == [Verified(id_) for id_ in ids[::-1]]


def test_another_model_is_found(ledger, package):
    (id_,) = ask(ledger, package, [DECLINED])
    other = tiny.package(shift=-0.9)
    found = verify_decision(find_decision(ledger, id_), other)
    assert any(line.startswith("probability_of_default: stored 0.") for line in found)
    assert any(line.startswith("score: stored ") for line in found)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"score": 1}, "score: the row has 1, its payload "),
        ({"decision": "approve"}, "decision: the row has 'approve', its payload 'decline'"),
        ({"probability": 0.5}, "probability_of_default: the row has 0.5, its payload "),
        ({"application_id": "b"}, "application_id: the row has 'b', its payload None"),
        ({"digest": "ab" * 32}, "model: the row and its payload name different ones"),
        ({"payload": "{}"}, "its payload does not match its hash: it was changed"),
        (
            {"payload": "{}", "payload_hash": payload_hash("{}")},
            "its payload cannot be read: fields: Field required",
        ),
    ],
)
def test_a_changed_row_is_found(ledger, package, values, found):
    (id_,) = ask(ledger, package, [DECLINED])
    (difference,) = verify_decision(change(ledger, id_, **values), package)
    assert difference.startswith(found)


def test_a_forged_answer_is_found(ledger, package):
    (id_,) = ask(ledger, package, [DECLINED])
    (difference,) = verify_decision(forge(ledger, id_, reasons=[]), package)
    assert difference.startswith("reasons: stored [], recomputed [{'text': ")


def test_fields_that_cannot_be_scored_do_not_hide_other_decisions(ledger, package):
    good, bad = ask(ledger, package, [DECLINED, DECLINED])
    payload = orjson.loads(find_decision(ledger, bad).payload)
    payload["fields"]["amount"] = "much"
    text = orjson.dumps(payload).decode()
    broken = change(ledger, bad, payload=text, payload_hash=payload_hash(text))
    first, second = Verifier(package).verify([find_decision(ledger, good), broken])
    assert first == Verified(good)
    assert second.differences[0].startswith("its fields cannot be scored: ")


def test_a_purged_decision_has_nothing_to_recompute(ledger, package):
    (id_,) = ask(ledger, package, [DECLINED])
    purge(ledger, find_decision(ledger, id_).at + timedelta(seconds=1), "ana")
    stored = find_decision(ledger, id_)
    assert Verifier(package).verify([stored]) == [Verified(id_, was_purged=True)]
    assert verify_decision(stored, package) == []


def test_each_package_is_loaded_once_and_one_that_is_gone_is_named(ledger, package):
    other, gone = tiny.package(shift=-0.9), tiny.package(shift=-0.8)
    packages, asked = {each.digest: each for each in (package, other)}, []

    def find(digest):
        asked.append(digest)
        if digest not in packages:
            raise PackageError("fetch it anew")
        return packages[digest]

    for each in (package, other, package, gone, gone):
        ask(ledger, each, [DECLINED, PLAIN])
    replay = Replay(find)
    found = [each for rows in read_decisions(ledger) for each in replay.verify(rows)]
    found += list(replay.verify([find_decision(ledger, found[0].id)]))
    assert sorted(asked) == sorted([package.digest, other.digest, gone.digest])
    assert len(found) == 11
    differences = [each.differences for each in found if each.differences]
    assert differences == [("it cannot be recomputed: fetch it anew",)] * 4


def test_other_versions_of_the_runtime_are_named(package):
    runtime = {"numpy": "1.0"}
    made_from = Provenance("11" * 32, "22" * 32, "33" * 32, "44" * 32, runtime)
    contents = Contents(package.graph, package.policy, package.reasons, b"", b"", b"{}")
    old = Package.build(tiny.SCHEMA, "woe_logistic", contents, made_from)
    assert Verifier(package).other_versions == ""
    assert Verifier(old).other_versions.endswith(" instead of 1.0")


def test_all_decisions_are_read_once_in_their_order(ledger):
    rows = [new_decision(dataset=DATASET if number % 2 else "other") for number in range(2500)]
    store(ledger, rows)
    chunks = list(read_decisions(ledger))
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
    assert [each.id for chunk in chunks for each in chunk] == [row.id for row in rows]
    (*_, last) = read_decisions(ledger, DATASET)
    assert last[-1].id == rows[-1].id


def test_a_sample_is_random_and_its_seed_repeats_it(ledger):
    rows = [new_decision() for _ in range(2000)]
    store(ledger, rows)
    purged = decide(ledger, dataset="other")
    change(ledger, purged, payload=None)

    def draw(size, seed, dataset=None):
        chunks = sample_decisions(ledger, size, seed, dataset)
        return [each.id for chunk in chunks for each in chunk]

    ids = [row.id for row in rows]
    assert draw(100, 7) == draw(100, 7) != draw(100, 8)
    assert len(set(draw(100, None))) == 100
    assert draw(5000, 7) == ids
    assert draw(10, 7, "other") == []
    # Each is as likely as any other: the newest half has half of the draws.
    newest = sum(id_ in set(ids[1000:]) for seed in range(20) for id_ in draw(100, seed))
    assert 880 < newest < 1120


def test_decisions_replay_after_a_restart_of_the_service(tmp_path, package):
    settings = settings_in(tmp_path)
    deploy(settings, package)
    for applications in (VARIED[:10], VARIED[10:20]):
        with (
            running_service(settings) as base,
            httpx.Client(base_url=base, timeout=30, trust_env=False) as http,
        ):
            for each in applications:
                http.post("/api/predict", json={"features": each}).raise_for_status()
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        (stored,) = read_decisions(ledger)
        assert Verifier(package).verify(stored) == [Verified(each.id) for each in stored]
    assert len(stored) == 20
