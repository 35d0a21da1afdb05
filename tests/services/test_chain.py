"""The hash chain: what it covers, and what verifying it finds."""

import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from services.ledger import Ledger, LedgerError, open_ledger
from services.ledger.anchors import anchor, read_anchors
from services.ledger.chain import START, link, payload_hash
from services.ledger.chain_verification import verify_chains
from services.ledger.holds import hold
from services.ledger.retention import purge
from services.ledger.tables import chains, decisions
from tests.services.deciding import new_decision, store

CHAIN, ID = UUID(int=1), UUID(int=2)
AT = datetime(2026, 3, 1, 12, 30, 15, 42, tzinfo=UTC)
LINKED = {
    "previous": START,
    "chain": CHAIN,
    "position": 1,
    "decision_id": ID,
    "at": AT,
    "dataset": "tiny-credit",
    "digest": "ab" * 32,
    "probability": 0.25,
    "score": 512,
    "decision": "review",
    "payload": payload_hash("{}"),
}


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def rows(ledger):
    """Six decisions in one chain, and two in another."""
    rows = [new_decision(score=number) for number in range(8)]
    store(ledger, rows[:6])
    store(ledger, rows[6:])
    return rows


@pytest.fixture
def anchors(tmp_path) -> str:
    return str(tmp_path / "anchors")


def faults(ledger: Ledger, anchors: str | None = None) -> list[str]:
    return [fault.problem for fault in verify_chains(ledger, read_anchors(anchors or "/none"))]


def change(ledger: Ledger, id_: UUID, **values: object) -> None:
    with ledger.writing() as connection:
        connection.execute(update(decisions).where(decisions.c.id == id_).values(**values))


def remove(ledger: Ledger, *ids: UUID) -> None:
    with ledger.writing() as connection:
        connection.execute(delete(decisions).where(decisions.c.id.in_(ids)))


def stored(ledger: Ledger, id_: UUID):
    with ledger.reading() as connection:
        return connection.execute(select(decisions).where(decisions.c.id == id_)).one()


def test_the_hash_is_the_sum_of_what_is_written_down_here():
    covered = (
        f'["{"0" * 64}","00000000-0000-0000-0000-000000000001",1,'
        '"00000000-0000-0000-0000-000000000002","2026-03-01T12:30:15.000042+00:00","tiny-credit",'
        f'"{"ab" * 32}",0.25,512,"review","{hashlib.sha256(b"{}").hexdigest()}"]'
    )
    assert link(**LINKED) == hashlib.sha256(covered.encode()).hexdigest()


@given(st.data())
def test_the_hash_covers_everything(data):
    other = {
        "previous": "1" * 64,
        "chain": UUID(int=3),
        "position": data.draw(st.integers(2, 10**9)),
        "decision_id": UUID(int=4),
        "at": AT + timedelta(microseconds=data.draw(st.integers(1, 10**12))),
        "dataset": data.draw(st.text(max_size=5)),
        "digest": "cd" * 32,
        "probability": data.draw(st.floats(0, 1).filter(lambda p: p != 0.25)),
        "score": data.draw(st.integers(-999, 511)),
        "decision": data.draw(st.sampled_from(["approve", "decline"])),
        "payload": payload_hash(data.draw(st.text(max_size=5))),
    }
    name = data.draw(st.sampled_from(sorted(other)))
    assert link(**LINKED | {name: other[name]}) != link(**LINKED)


def test_intact_chains_have_no_faults_and_all_rows_are_passed(ledger, rows):
    passed: list[int] = []
    assert list(verify_chains(ledger, passed=passed.append)) == []
    assert sum(passed) == 8


def test_the_first_decision_of_a_chain_is_linked_to_its_start(ledger, rows):
    first = stored(ledger, rows[0].id)
    assert first.position == 1
    assert first.payload_hash == payload_hash(rows[0].payload)
    row = rows[0]
    judged = (row.probability, row.score, row.decision)
    about = (row.id, row.at, row.dataset, row.digest, *judged, first.payload_hash)
    assert first.hash == link(START, first.chain, 1, *about)


@pytest.mark.parametrize(
    "changed",
    [
        {"score": 700},
        {"decision": "approve"},
        {"probability": 0.2500000001},
        {"digest": "cd" * 32},
        {"dataset": "other"},
        {"at": AT},
        {"payload_hash": "0" * 64, "payload": None},
    ],
)
def test_a_changed_row_is_found(ledger, rows, changed):
    change(ledger, rows[2].id, **changed)
    found = list(verify_chains(ledger))
    assert {fault.decision for fault in found} == {rows[2].id}
    assert "it or its place in the chain was changed" in [fault.problem for fault in found]
    assert str(found[-1]).startswith(f"chain {found[-1].chain}: decision {rows[2].id}: ")


def test_a_changed_payload_is_found(ledger, rows):
    change(ledger, rows[2].id, payload='{"fields":{"amount":1}}')
    assert faults(ledger) == ["its payload was changed"]


def test_a_changed_row_with_a_fitting_hash_is_found_by_its_successor(ledger, rows):
    row = stored(ledger, rows[2].id)
    about = (row.id, row.at, row.dataset, row.digest, row.probability, 700, row.decision)
    before = stored(ledger, rows[1].id).hash
    fitting = link(before, row.chain, row.position, *about, row.payload_hash)
    change(ledger, row.id, score=700, hash=fitting)
    assert [fault.decision for fault in verify_chains(ledger)] == [rows[3].id]


def test_removed_rows_in_the_middle_are_found(ledger, rows):
    remove(ledger, rows[2].id, rows[3].id)
    (fault,) = verify_chains(ledger)
    assert (fault.decision, fault.problem) == (rows[4].id, "2 decisions are missing before it")


def test_a_removed_first_row_is_found(ledger, rows):
    remove(ledger, rows[0].id)
    assert faults(ledger) == ["1 decision is missing before it"]


def test_a_removed_tail_is_found(ledger, rows):
    remove(ledger, rows[5].id)
    assert faults(ledger) == ["1 decision is missing at its end"]


def test_a_chain_that_was_emptied_is_found(ledger, rows):
    remove(ledger, rows[6].id, rows[7].id)
    assert faults(ledger) == ["2 decisions are missing at its end"]


def test_a_row_that_was_added_is_found(ledger, rows):
    last = stored(ledger, rows[5].id)
    row = dict(last._mapping) | {"id": UUID(int=9), "position": 7}
    with ledger.writing() as connection:
        connection.execute(decisions.insert(), row)
    assert faults(ledger) == [
        "it or its place in the chain was changed",
        "it is longer than counted at its end",
    ]


def test_rows_in_another_order_are_found(ledger, rows):
    change(ledger, rows[1].id, position=99)
    change(ledger, rows[2].id, position=2)
    change(ledger, rows[1].id, position=3)
    assert {fault.decision for fault in verify_chains(ledger)} >= {rows[1].id, rows[2].id}


def test_a_payload_that_no_purge_erased_is_found(ledger, rows):
    change(ledger, rows[2].id, payload=None)
    assert faults(ledger) == ["its payload is gone, and no purge erased it"]


def test_purged_decisions_still_verify(ledger, rows):
    hold(ledger, rows[1].id, True, "ana", "lawsuit")
    assert purge(ledger, datetime.now(UTC), "ana").erased == 7
    assert faults(ledger) == []
    change(ledger, rows[2].id, score=700)
    assert faults(ledger) == ["it or its place in the chain was changed"]


def test_a_tail_removed_with_its_count_is_found_by_an_anchor(ledger, rows, anchors):
    anchor(ledger, anchors)
    fifth = stored(ledger, rows[4].id)
    remove(ledger, rows[5].id)
    with ledger.writing() as connection:
        shorter = update(chains).where(chains.c.id == fifth.chain)
        connection.execute(shorter.values(count=5, head=fifth.hash))
    assert faults(ledger) == []
    (problem,) = faults(ledger, anchors)
    assert problem == f"decision 6, anchored on {datetime.now(UTC):%Y-%m-%d}, is missing"


def test_a_chain_removed_with_all_that_names_it_is_found_by_an_anchor(ledger, rows, anchors):
    anchor(ledger, anchors)
    chain = stored(ledger, rows[6].id).chain
    remove(ledger, rows[6].id, rows[7].id)
    with ledger.writing() as connection:
        connection.execute(delete(chains).where(chains.c.id == chain))
    assert faults(ledger) == []
    (fault,) = verify_chains(ledger, read_anchors(anchors))
    assert fault.chain == chain
    assert fault.problem.startswith("decision 2, anchored on ")


def test_a_chain_that_was_written_anew_is_found_by_an_anchor(ledger, rows, anchors):
    anchor(ledger, anchors)
    head, chain = START, stored(ledger, rows[0].id).chain
    for row in rows[:6]:
        old = stored(ledger, row.id)
        about = (old.id, old.at, old.dataset, old.digest, old.probability, 700, old.decision)
        head = link(head, chain, old.position, *about, old.payload_hash)
        change(ledger, row.id, score=700, hash=head)
    with ledger.writing() as connection:
        connection.execute(update(chains).where(chains.c.id == chain).values(head=head))
    assert faults(ledger) == []
    (problem,) = faults(ledger, anchors)
    assert problem.startswith("its hash is another than the one anchored on ")


def test_chains_that_grew_since_they_were_anchored_verify(ledger, rows, anchors):
    anchor(ledger, anchors)
    store(ledger, [new_decision() for _ in range(5)])
    anchor(ledger, anchors)
    assert len(read_anchors(anchors)) == 2
    assert faults(ledger, anchors) == []


def test_an_anchor_is_a_new_file_that_says_where_the_chains_stand(ledger, rows, anchors):
    path, taken = anchor(ledger, anchors)
    again, _ = anchor(ledger, anchors)
    assert path != again
    assert Path(path).parent == Path(anchors)
    assert read_anchors(anchors)[0] == taken
    with ledger.reading() as connection:
        stands = {row.id: (row.count, row.head) for row in connection.execute(select(chains))}
    assert {id_: (each.count, each.head) for id_, each in taken.chains.items()} == stands
    assert sorted(count for count, _ in stands.values()) == [2, 6]


def test_anchors_lie_wherever_fsspec_reaches(ledger, rows):
    url = f"memory://anchors-{ID}"
    path, taken = anchor(ledger, url)
    assert path.startswith("memory://")
    assert read_anchors(url) == [taken]


def test_an_anchor_that_was_damaged_gives_one_line(ledger, rows, anchors):
    path, _ = anchor(ledger, anchors)
    Path(path).write_text("{}")
    with pytest.raises(LedgerError, match="is no anchor, or was changed"):
        read_anchors(anchors)
    shutil.rmtree(anchors)
    Path(anchors).touch()
    with pytest.raises(LedgerError, match="anchors at "):
        anchor(ledger, anchors)
