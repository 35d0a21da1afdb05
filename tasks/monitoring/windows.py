"""A window of stored decisions, counted in the bins of a package's reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np

from credit.package import Package
from credit.reference import DECISION, PROBABILITY, Columns, Window, columns_of
from credit.spec import Schema
from services.application import stored_applications
from services.ledger import Ledger
from services.ledger.windows import DecisionWindow, Part, read_window

SAMPLED = 5_000
# What the parts of a window are added to.
NOTHING = Part([], np.empty(0), np.empty(0, dtype=object), ())


@dataclass(frozen=True)
class Observed:
    """What a window holds.

    counted: all rows, in the reference's bins. sample: values of some of them, evenly over the
    window, with what the champion said. unreadable: decisions whose payload cannot be read; they
    are in neither.
    """

    counted: Window
    sample: Columns
    unreadable: tuple[UUID, ...]


def observe(ledger: Ledger, package: Package, window: DecisionWindow) -> Observed:
    """Count a window a part at a time: memory does not grow with it.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    counted, _ = _count(package, NOTHING)
    samples: list[Columns] = []
    unreadable: list[UUID] = []
    step = max(1, math.ceil(window.rows / SAMPLED))
    for part in read_window(ledger, window):
        here, columns = _count(package, part)
        counted += here
        said = {PROBABILITY: part.probability, DECISION: part.decision}
        samples.append({name: values[::step] for name, values in {**columns, **said}.items()})
        unreadable += part.unreadable
    return Observed(counted, _joined(samples, set(counted.faults)), tuple(unreadable))


def read_columns(
    fields: Sequence[Mapping[str, Any]], schema: Schema
) -> tuple[Columns, dict[str, str]]:
    """What a model reads of stored fields, and which columns cannot be read, and why.

    A value that cannot be read breaks its column and what is derived from it, and no other.
    """
    try:
        return columns_of(stored_applications(fields, schema), schema), {}
    except (TypeError, ValueError):
        broken = [name for name in schema.fields if not _is_readable(fields, name, schema)]
    readable = [{name: row[name] for name in row if name not in broken} for row in fields]
    columns = columns_of(stored_applications(readable, schema), schema)
    faults = {name: f"it has values that are no {schema.columns[name].type}" for name in broken}
    for name, derived in schema.derived.items():
        missed = sorted(derived.parsed.names & faults.keys())
        if missed:
            faults[name] = f"it is derived from {', '.join(missed)}, which cannot be read"
    return {name: values for name, values in columns.items() if name not in faults}, faults


def _is_readable(fields: Sequence[Mapping[str, Any]], name: str, schema: Schema) -> bool:
    try:
        stored_applications([{name: row.get(name)} for row in fields], schema)
    except (TypeError, ValueError):
        return False
    return True


def _count(package: Package, part: Part) -> tuple[Window, Columns]:
    """A part in the reference's bins, and its columns."""
    columns, faults = read_columns(part.fields, package.schema)
    counted = package.reference.window(columns, part.probability, part.decision)
    known = {name: why for name, why in faults.items() if name in package.reference.columns}
    return replace(counted, faults={**counted.faults, **known}), columns


def _joined(samples: Sequence[Columns], faulty: set[str]) -> Columns:
    """Columns that could be read and counted in every part."""
    if not samples:
        return {}
    names = [
        name
        for name in samples[0]
        if name not in faulty and all(name in sample for sample in samples)
    ]
    return {name: np.concatenate([sample[name] for sample in samples]) for name in names}
