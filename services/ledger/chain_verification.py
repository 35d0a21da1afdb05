"""Verifying chains: nothing was changed, removed, put between or put in another order."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection, func, select

from services.ledger.anchors import Anchor
from services.ledger.chain import START, Tip, link, payload_hash
from services.ledger.decisions import StoredDecision
from services.ledger.store import Ledger
from services.ledger.tables import chains, decisions, purges

AT_ONCE = 1000


@dataclass(frozen=True)
class Fault:
    """What is wrong with a chain; decision: with which of its decisions, where one is left."""

    chain: UUID
    problem: str
    decision: UUID | None = None

    def __str__(self) -> str:
        where = f"decision {self.decision}: " if self.decision else ""
        return f"chain {self.chain}: {where}{self.problem}"


def verify_chains(
    ledger: Ledger,
    anchors: Iterable[Anchor] = (),
    passed: Callable[[int], None] = lambda rows: None,
) -> Iterator[Fault]:
    """Verify every decision of every chain, in one view of the ledger.

    Args:
        ledger: whose chains.
        anchors: where the chains once stood; they must have come by there.
        passed: called with the number of decisions that were verified since the last call.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    anchored = _anchored(anchors)
    with ledger.reading() as connection:
        if connection.dialect.name == "postgresql":
            # SQLite reads one state in a transaction anyhow.
            connection.execution_options(isolation_level="REPEATABLE READ")
        tips = {row.id: Tip(*row) for row in connection.execute(_TIPS)}
        purged_before = connection.scalar(select(func.max(purges.c.before)))
        for chain, links in groupby(_links(connection, passed), key=lambda each: each.chain):
            walk = _Walk(chain, anchored.pop(chain, {}), purged_before)
            for each in links:
                yield from walk.step(each)
            yield from walk.end(tips.pop(chain, None))
    # What is left has no decisions in the ledger.
    for chain in sorted(tips.keys() | anchored.keys()):
        yield from _Walk(chain, anchored.get(chain, {}), None).end(tips.get(chain, Tip(chain)))


_TIPS = select(chains.c.id, chains.c.count, chains.c.head)


@dataclass
class _Walk:
    """Along one chain, from its start."""

    chain: UUID
    anchored: Mapping[int, Mapping[str, datetime]]
    purged_before: datetime | None
    position: int = 0
    head: str = START
    passed: set[int] = field(default_factory=set)

    def step(self, stored: StoredDecision) -> Iterator[Fault]:
        missing = stored.position - self.position - 1
        if missing:
            yield self._fault(f"{_decisions(missing)} missing before it", stored)
        problem = self._payload_problem(stored)
        if problem:
            yield self._fault(problem, stored)
        # What comes after a gap cannot be linked to what came before it.
        if not missing and stored.hash != _link(self.head, stored):
            yield self._fault("it or its place in the chain was changed", stored)
        self.position, self.head = stored.position, stored.hash
        yield from self._anchor_faults(stored)

    def end(self, tip: Tip | None) -> Iterator[Fault]:
        if tip is None:
            yield Fault(self.chain, "it is not in the list of chains")
        elif tip.count != self.position:
            missing = tip.count - self.position
            what = f"{_decisions(missing)} missing" if missing > 0 else "it is longer than counted"
            yield Fault(self.chain, f"{what} at its end")
        elif tip.head != self.head:
            yield Fault(self.chain, "its head is not its last decision's hash")
        for position, hashes in sorted(self.anchored.items()):
            if position not in self.passed:
                since = min(hashes.values())
                yield Fault(
                    self.chain, f"decision {position}, anchored on {since:%Y-%m-%d}, is missing"
                )

    def _anchor_faults(self, stored: StoredDecision) -> Iterator[Fault]:
        hashes = self.anchored.get(stored.position)
        if hashes is None:
            return
        self.passed.add(stored.position)
        for anchored, at in hashes.items():
            if anchored != stored.hash:
                problem = f"its hash is another than the one anchored on {at:%Y-%m-%d}"
                yield self._fault(problem, stored)

    def _payload_problem(self, stored: StoredDecision) -> str:
        if stored.payload is not None:
            same = payload_hash(stored.payload) == stored.payload_hash
            return "" if same else "its payload was changed"
        purged = self.purged_before and stored.at < self.purged_before
        return "" if purged else "its payload is gone, and no purge erased it"

    def _fault(self, problem: str, stored: StoredDecision) -> Fault:
        return Fault(self.chain, problem, stored.id)


def _links(connection: Connection, passed: Callable[[int], None]) -> Iterator[StoredDecision]:
    query = select(decisions).order_by(decisions.c.chain, decisions.c.position)
    streamed = connection.execution_options(yield_per=AT_ONCE).execute(query).mappings()
    for some in streamed.partitions():
        for row in some:
            yield StoredDecision(**row)
        passed(len(some))


def _link(previous: str, stored: StoredDecision) -> str:
    return link(
        previous,
        stored.chain,
        stored.position,
        stored.id,
        stored.at,
        stored.dataset,
        stored.digest,
        stored.probability,
        stored.score,
        stored.decision,
        stored.payload_hash,
    )


def _anchored(anchors: Iterable[Anchor]) -> dict[UUID, dict[int, dict[str, datetime]]]:
    """Chain -> position -> hash that was anchored there -> since when."""
    anchored: dict[UUID, dict[int, dict[str, datetime]]] = {}
    for each in anchors:
        for chain, stand in each.chains.items():
            if stand.count:
                hashes = anchored.setdefault(chain, {}).setdefault(stand.count, {})
                hashes.setdefault(stand.head, each.at)
    return anchored


def _decisions(number: int) -> str:
    return f"{number:,} decision is" if number == 1 else f"{number:,} decisions are"
