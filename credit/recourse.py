"""Recourse: the smallest change that the applicant can make and that would be approved."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from credit.features import MISSING, Applications
from credit.reasons import ReasonModel
from credit.spec import Column, Frozen, Schema

# Another level is as far as a quarter of the applicants.
STEPS_TO_A_LEVEL = 5
BATCH = 4096

Approves = Callable[[Applications], NDArray[np.bool_]]


class Change(Frozen):
    """One field and its new value.

    A number moves by `steps`, each a twentieth of the training rows; another level counts as
    five.
    """

    field: str
    now: float | str
    then: float | str
    steps: int


class Recourse(Frozen):
    """One or two changes that together would be approved."""

    changes: tuple[Change, ...]


def find_recourse(
    model: ReasonModel, application: Applications, approves: Approves
) -> Recourse | None:
    """The fewest steps for one application (one row) that is not approved; None: there is none.

    One field is tried before two, and all of them, so that none means none. Only fields that the
    spec marks as changeable move, to values that training rows had, within the declared range and
    never to or from a special code. Of changes of as many steps the first in the order of the
    spec is taken. Derived columns follow, for `approves` starts from raw fields.
    """
    moves = _moves(model, application)
    singles = [(move,) for field in moves for move in field]
    pairs = [pair for two in combinations(moves, 2) for pair in product(*two)]
    for candidates in (singles, pairs):
        found = _first_approved(application, candidates, approves)
        if found:
            return Recourse(changes=tuple(move.change for move in found))
    return None


@dataclass(frozen=True)
class _Move:
    """A new value for one field, and the column that it stands in."""

    change: Change
    column: int

    def apply(self, rows: Applications, row: int) -> None:
        then = self.change.then
        if isinstance(then, str):
            rows.categories[row, self.column] = then
        else:
            rows.numbers[row, self.column] = then


def _first_approved(
    application: Applications, candidates: Sequence[tuple[_Move, ...]], approves: Approves
) -> tuple[_Move, ...] | None:
    """The approved candidate of the fewest steps; the sort keeps the order of the spec."""
    ordered = sorted(candidates, key=lambda moves: sum(move.change.steps for move in moves))
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        rows = Applications(
            np.repeat(application.numbers, len(batch), axis=0),
            np.repeat(application.categories, len(batch), axis=0),
        )
        for row, moves in enumerate(batch):
            for move in moves:
                move.apply(rows, row)
        approved = np.flatnonzero(approves(rows))
        if len(approved):
            return batch[int(approved[0])]
    return None


def _moves(model: ReasonModel, application: Applications) -> list[list[_Move]]:
    """What each changeable field can become, in the order of the spec."""
    schema, moves = model.schema, []
    for name, column in schema.fields.items():
        if not column.changeable or column.role == "protected" or column.type == "date":
            continue
        if column.is_number:
            position = schema.number_fields.index(name)
            now = float(application.numbers[0, position])
            changes = _number_changes(name, schema, now, model.quantiles[position].tolist())
        else:
            position = schema.category_fields.index(name)
            text = str(application.categories[0, position])
            changes = _level_changes(name, column, text, model.levels[position])
        moves.append([_Move(change, position) for change in changes])
    return moves


def _number_changes(
    name: str, schema: Schema, now: float, quantiles: Sequence[float]
) -> Iterator[Change]:
    """Quantiles below and above, the nearest first; none from a gap or a special code."""
    if np.isnan(now) or now in schema.special_codes(name):
        return
    below = [value for value in reversed(quantiles) if value < now]
    above = [value for value in quantiles if value > now]
    for values in (below, above):
        for steps, then in enumerate(values, 1):
            if _is_in_range(schema.columns[name], then):
                yield Change(field=name, now=now, then=then, steps=steps)


def _is_in_range(column: Column, value: float) -> bool:
    low, high = column.range
    return not (
        (low is not None and not isinstance(low, date) and value < low)
        or (high is not None and not isinstance(high, date) and value > high)
    )


def _level_changes(name: str, column: Column, now: str, levels: Sequence[str]) -> Iterator[Change]:
    """Every other level that training rows had; none from a gap."""
    if now == MISSING:
        return
    for then in levels:
        if then != now and (column.levels is None or then in column.levels):
            yield Change(field=name, now=now, then=then, steps=STEPS_TO_A_LEVEL)
