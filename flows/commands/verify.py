"""creditloop verify."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field

from configs.settings import Settings, load_settings
from flows.commands.console import NO, print_json, stderr, stdout
from flows.commands.errors import UsageError
from flows.commands.ids import decision_id
from flows.commands.progress import progress
from services.ledger import Ledger, open_ledger
from services.ledger.anchors import read_anchors
from services.ledger.chain_verification import Fault, verify_chains
from services.ledger.decisions import (
    StoredDecision,
    count_decisions,
    find_decision,
    read_decisions,
    sample_decisions,
)
from services.ledger.errors import UnknownDecisionError
from services.verification import Replay, Verified, package_finder


@dataclass
class Result:
    """What was looked at, what is wrong with it, and what else there is to say."""

    looked_at: int = 0
    purged: int = 0
    faults: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run(
    decision: str | None,
    sample: int | None,
    seed: int | None,
    all_decisions: bool,
    chain: bool,
    dataset: str | None,
    json: bool,
) -> None:
    """Recompute decisions or verify chains; exits with 1 when something is wrong."""
    asked = (decision is not None, sample is not None, all_decisions, chain)
    if sum(asked) != 1:
        raise UsageError("say what to verify: a decision's ID, --sample N, --all or --chain")
    settings = load_settings()
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        if chain:
            result = _verify_chains(ledger, settings, json)
        else:
            chosen, total = _choose(ledger, decision, sample, seed, dataset)
            result = _replay(ledger, settings, chosen, total, json)
    if json:
        print_json({"ok": not result.faults, **vars(result)})
    else:
        _sum_up(result, "stands in its chain" if chain else "comes out as stored")
    if result.faults:
        raise SystemExit(NO)


def _choose(
    ledger: Ledger, decision: str | None, sample: int | None, seed: int | None, dataset: str | None
) -> tuple[Iterable[list[StoredDecision]], int]:
    """The decisions that are to be recomputed, some at a time, and how many they are."""
    if decision is not None:
        stored = find_decision(ledger, decision_id(decision))
        if stored is None:
            raise UnknownDecisionError(f"the ledger has no decision {decision}")
        return [[stored]], 1
    total = count_decisions(ledger, dataset)
    if sample is not None:
        return sample_decisions(ledger, sample, seed, dataset), min(sample, total)
    return read_decisions(ledger, dataset), total


def _replay(
    ledger: Ledger,
    settings: Settings,
    chosen: Iterable[list[StoredDecision]],
    total: int,
    json: bool,
) -> Result:
    replay, result = Replay(package_finder(settings, ledger)), Result()
    with progress("decisions", total) as passed:
        for stored in chosen:
            for verified in replay.verify(stored):
                result.purged += verified.was_purged
                if verified.differences:
                    _note_difference(result, verified, json)
            result.looked_at += len(stored)
            passed(len(stored))
    for version, others in replay.other_versions.items():
        result.notes.append(f"version {version} was recomputed with {others}")
    return result


def _verify_chains(ledger: Ledger, settings: Settings, json: bool) -> Result:
    result = Result()
    anchors = read_anchors(settings.anchors_uri)
    with progress("decisions", count_decisions(ledger)) as passed:

        def count(rows: int) -> None:
            result.looked_at += rows
            passed(rows)

        for fault in verify_chains(ledger, anchors, count):
            _note_fault(result, fault, json)
    if anchors:
        newest = f"{anchors[-1].at:%Y-%m-%d %H:%M} UTC"
        result.notes.append(f"{len(anchors):,} anchors were compared, the newest of {newest}")
    else:
        where = settings.anchors_uri
        result.notes.append(f"there are no anchors at {where}; `creditloop anchor` makes one")
    return result


def _note_difference(result: Result, verified: Verified, json: bool) -> None:
    differences = list(verified.differences)
    result.faults.append({"decision": str(verified.id), "problems": differences})
    if not json:
        for difference in differences:
            _say(f"decision {verified.id}: {difference}")


def _note_fault(result: Result, fault: Fault, json: bool) -> None:
    decision = str(fault.decision) if fault.decision else None
    result.faults.append(
        {"chain": str(fault.chain), "decision": decision, "problems": [fault.problem]}
    )
    if not json:
        _say(str(fault))


def _say(line: str) -> None:
    stdout().print(line, soft_wrap=True, markup=False)


def _sum_up(result: Result, good: str) -> None:
    for note in result.notes:
        stderr().print(f"Note: {note}", soft_wrap=True, markup=False)
    purged = f", {result.purged:,} of them purged and left out" if result.purged else ""
    looked_at = f"{result.looked_at:,} decisions looked at{purged}"
    if result.faults:
        _say(f"{looked_at}: {len(result.faults):,} with faults")
    else:
        _say(f"{looked_at}: each {good}")
