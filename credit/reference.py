"""The reference: what a package knows of the applications that are normal for its champion.

It holds profiles and counts, never rows. The profiles fix the bins that windows are counted in, so
parts of a window add up to the whole, and a window is judged without the training data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from pydantic import TypeAdapter

from credit.baseline import Baseline
from credit.decisions import Decider
from credit.drift import compare, judge
from credit.expressions import FloatArray
from credit.features import Applications, TextArray, number_features
from credit.plan import DriftPlan
from credit.policy import DECISIONS, Decision, DecisionArray, Policy
from credit.profiles import CategoryProfile, ColumnProfile, NumberProfile
from credit.scoring import Scorer
from credit.shifts import WindowDrift
from credit.spec import Schema

Columns: TypeAlias = Mapping[str, FloatArray | TextArray]

NUMBERS, TEXTS = "iuf", "OUT"
PROBABILITY, DECISION = "probability of default", "decision"


def columns_of(applications: Applications, schema: Schema) -> Columns:
    """What a model reads of raw fields, by name: numbers, derived columns, then texts [rows]."""
    numbers = number_features(schema, applications.numbers)
    return {
        **dict(zip(schema.number_features, numbers.T, strict=True)),
        **dict(zip(schema.category_features, applications.categories.T, strict=True)),
    }


@dataclass(frozen=True)
class Window:
    """Applications in the bins of a reference, and what the champion said of them.

    Windows of one reference add up: parts to a day, days to a month.

    faults: columns that could not be counted in some part, and why; they are in no profile.
    """

    columns: Mapping[str, ColumnProfile]
    probability: NumberProfile
    decisions: Mapping[Decision, int]
    faults: Mapping[str, str]

    @property
    def rows(self) -> int:
        """How many applications there are."""
        return self.probability.rows

    def __add__(self, other: "Window") -> "Window":
        faults = {**other.faults, **self.faults}
        return Window(
            columns={
                name: profile + other.columns[name]  # type: ignore[operator]  # one column, one kind
                for name, profile in self.columns.items()
                if name not in faults
            },
            probability=self.probability + other.probability,
            decisions={name: self.decisions[name] + other.decisions[name] for name in DECISIONS},
            faults=faults,
        )


@dataclass(frozen=True)
class Reference:
    """The applications that are normal for a champion.

    Attributes:
        rows: how many applications the columns are of.
        columns: profile of each feature that the model reads, raw and derived.
        probability, decisions: what the champion said of applications that it was not fitted on.
        importance: each feature's share of the champion's contributions.
        baseline: the champion on the test rows that its policy approves; none where these are all
            good or all bad.
        threshold: the probability from which on the policy declines, so that a row counts as bad.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    probability: NumberProfile
    decisions: Mapping[Decision, int]
    importance: Mapping[str, float]
    baseline: Baseline | None
    threshold: float

    @classmethod
    def fit(
        cls,
        columns: Columns,
        schema: Schema,
        probability: FloatArray,
        decisions: DecisionArray,
        *,
        importance: Mapping[str, float],
        baseline: Baseline | None,
        threshold: float,
    ) -> "Reference":
        """The reference of columns [rows], which fixes the bins.

        `probability` and `decisions` [other rows] may be of fewer applications than the columns.

        Raises:
            ValueError: there are no applications.
        """
        (rows,) = {len(values) for values in columns.values()}
        if not rows or not len(probability):
            raise ValueError("a reference needs applications; this one has none")
        return cls(
            rows=rows,
            columns={name: _fitted(name, values, schema) for name, values in columns.items()},
            probability=NumberProfile.fit(probability),
            decisions=_counted(decisions),
            importance=dict(importance),
            baseline=baseline,
            threshold=threshold,
        )

    def window(self, columns: Columns, probability: FloatArray, decisions: DecisionArray) -> Window:
        """A window, or a part of one, in this reference's bins.

        Columns that the reference does not know are left out. One that it knows and that is not
        there, or is no array of its kind [rows], is a fault and does not keep the others from
        being counted.

        Args:
            columns: values of each column [rows].
            probability, decisions: what the champion said [rows].
        """
        profiles: dict[str, ColumnProfile] = {}
        faults: dict[str, str] = {}
        for name, profile in self.columns.items():
            try:
                profiles[name] = _profiled(profile, columns.get(name), len(probability))
            except (ValueError, TypeError) as error:
                faults[name] = str(error)
        return Window(profiles, self.probability.of(probability), _counted(decisions), faults)

    def to_json(self) -> bytes:
        """The reference as a package keeps it: the same bytes for the same reference."""
        return _JSON.dump_json(self, indent=1) + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "Reference":
        """Read what `to_json` wrote; every number is exactly the one that was written.

        Raises:
            ValueError: the bytes are no reference (pydantic's ValidationError).
        """
        return _JSON.validate_json(content)


_JSON = TypeAdapter(Reference)


def drift(reference: Reference, window: Window, plan: DriftPlan) -> WindowDrift:
    """How far a window has moved: its columns judged, and score and decisions beside them.

    The level follows from the columns. Score and decisions move with them, or with the champion.
    """
    shifts = {
        name: compare(name, profile, window.columns[name])
        for name, profile in reference.columns.items()
        if name in window.columns
    }
    judged = judge(shifts, reference.importance, window.rows, reference.rows, plan)
    return judged.model_copy(
        update={
            "probability": compare(PROBABILITY, reference.probability, window.probability),
            "decisions": compare(
                DECISION, _as_profile(reference.decisions), _as_profile(window.decisions)
            ),
            "faults": dict(window.faults),
        }
    )


def reference_of(
    schema: Schema,
    graph: bytes,
    policy: Policy,
    everyone: Applications,
    judged: Applications,
    *,
    importance: Mapping[str, float],
    baseline: Baseline | None,
) -> Reference:
    """The reference of a champion's graph and policy.

    Args:
        everyone: applications that the columns are of.
        judged: those that score and decisions are of; the champion was not fitted on them, for
            it would seem surer than it is.
        importance, baseline: see `Reference`.

    Raises:
        ValueError: there are no applications.
    """
    probability = Scorer(schema, graph).probabilities(judged)
    return Reference.fit(
        columns_of(everyone, schema),
        schema,
        probability,
        Decider(schema, policy)(judged, probability).decision,
        importance=importance,
        baseline=baseline,
        threshold=policy.decline_above,
    )


def _fitted(name: str, values: Any, schema: Schema) -> ColumnProfile:
    if name in schema.number_features:
        return NumberProfile.fit(values, schema.special_codes(name))
    return CategoryProfile.fit(values)


def _profiled(profile: ColumnProfile, values: Any, rows: int) -> ColumnProfile:
    if values is None:
        raise ValueError("the window has no such column")
    if values.shape != (rows,):
        raise ValueError(f"it has the shape {values.shape}, expected {rows:,} rows")
    expected, kinds = (
        ("numbers", NUMBERS) if isinstance(profile, NumberProfile) else ("texts", TEXTS)
    )
    if values.dtype.kind not in kinds:
        raise ValueError(f"it holds {values.dtype}, expected {expected}")
    return profile.of(values)


def _counted(decisions: DecisionArray) -> dict[Decision, int]:
    return {name: int((decisions == name).sum()) for name in DECISIONS}


def _as_profile(decisions: Mapping[Decision, int]) -> CategoryProfile:
    counts = np.array([0, 0, *(decisions[name] for name in DECISIONS)], dtype=np.float64)
    return CategoryProfile(DECISIONS, frozenset(DECISIONS), counts)
