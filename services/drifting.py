"""Drift on demand: applications that somebody sends, against a model's reference or others."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np

from credit.expressions import FloatArray
from credit.features import Applications, from_many
from credit.plan import DriftPlan
from credit.policy import DecisionArray
from credit.reference import Columns, Reference, columns_of, drift
from services.application import Application
from services.bodies import BYTES_A_ROW
from services.model import ServedModel
from services.problems import FieldProblem, ProblemError, invalid, shown, unavailable
from services.request_model import FEATURES

Json = dict[str, Any]

CURRENT, REFERENCE, KIND = "current_data", "reference_data", "invalid-drift"


class DriftDesk:
    """Judges drift in a thread, one request at a time, so that decisions keep a processor."""

    def __init__(self, plan: DriftPlan, most_rows: int):
        self._plan = plan
        self._most_rows = most_rows
        self._turn = asyncio.Semaphore(1)

    @property
    def largest_body(self) -> int:
        """How many bytes a request may have beyond those that any may."""
        return 2 * self._most_rows * BYTES_A_ROW

    async def judge(self, model: ServedModel, content: object) -> Json:
        """Compare the rows of `current_data` with those of `reference_data`, or the model's own.

        Raises:
            ProblemError: 422 naming what is wrong; 503 while another comparison is under way.
        """
        if self._turn.locked():
            raise unavailable("drift is judged for another request; try again", kind="overload")
        async with self._turn:
            return await asyncio.to_thread(self._judge, model, content)

    def _judge(self, model: ServedModel, content: object) -> Json:
        current_rows, reference_rows = _rows(content, self._most_rows)
        current = _scored(_read(current_rows, CURRENT, model), model)
        reference = model.reference
        if reference_rows is not None:
            reference = _refitted(_scored(_read(reference_rows, REFERENCE, model), model), model)
        judged = drift(reference, reference.window(*current), self._plan)
        return {
            "model": model.identity,
            "compared_with": "the model's reference" if reference_rows is None else REFERENCE,
            "drift": judged.model_dump(),
        }


def _rows(content: object, most: int) -> tuple[list[object], list[object] | None]:
    """The rows of both parts, not checked yet; none where the reference is the model's."""
    if not isinstance(content, dict):
        raise invalid([FieldProblem("body", shown(content), "an object")], KIND)
    wrong = {name: content[name] for name in (CURRENT, REFERENCE) if name in content}
    wrong = {name: rows for name, rows in wrong.items() if not _is_right(name, rows, most)}
    faults = [
        FieldProblem(name, shown(rows), f"a list of 1 to {most} objects of field values")
        for name, rows in wrong.items()
    ]
    if CURRENT not in content:
        faults.append(FieldProblem(CURRENT, "nothing", "this field; add it"))
    faults += [
        FieldProblem(str(name), shown(content[name]), "no such field; remove it")
        for name in content.keys() - {CURRENT, REFERENCE}
    ]
    if faults:
        raise invalid(faults, KIND)
    return content[CURRENT], content.get(REFERENCE)


def _is_right(name: str, rows: object, most: int) -> bool:
    return (isinstance(rows, list) and 1 <= len(rows) <= most) or (rows is None and name != CURRENT)


def _read(rows: Sequence[object], part: str, model: ServedModel) -> Applications:
    """Rows whose values are all checked, as those of applications are.

    Raises:
        ProblemError: 422 naming every field of every row that is wrong.
    """
    read = model.reader.read_many([{FEATURES: row} for row in rows])
    faults = [
        FieldProblem(f"{part}.{place}.{fault.field}", fault.got, fault.expected)
        for place, each in enumerate(read)
        if isinstance(each, ProblemError)
        for fault in each.errors
    ]
    if faults:
        raise invalid(faults, KIND)
    fields = [each.fields for each in read if isinstance(each, Application)]
    return from_many(fields, model.schema)


def _scored(
    applications: Applications, model: ServedModel
) -> tuple[Columns, FloatArray, DecisionArray]:
    """What the model reads of applications, and what it says of them."""
    judgements = model.underwriter.judge(applications, "none")
    return (
        columns_of(applications, model.schema),
        np.array([each.probability for each in judgements], dtype=np.float64),
        np.array([each.decision for each in judgements], dtype=object),
    )


def _refitted(scored: tuple[Columns, FloatArray, DecisionArray], model: ServedModel) -> Reference:
    """Other rows as what is normal; columns matter to the model as they did."""
    known = model.reference
    columns, probability, decisions = scored
    return Reference.fit(
        columns,
        model.schema,
        probability,
        decisions,
        importance=known.importance,
        baseline=known.baseline,
        threshold=known.threshold,
    )
