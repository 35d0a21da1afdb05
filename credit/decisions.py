"""Deciding on applications: the hard rules of the spec first, then the policy's bands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import Applications
from credit.policy import Decision, DecisionArray, IntegerArray, Policy
from credit.spec import Schema

BoolArray = NDArray[np.bool_]

NO_RULE = ""


@dataclass(frozen=True)
class RuleOutcome:
    """A hard rule that spoke on an application.

    judged: False where a value that it needs is missing; the case then goes to a person.
    """

    rule: str
    decision: Decision
    reason: str
    judged: bool


@dataclass(frozen=True)
class Findings:
    """What the hard rules say: [rows, rules], rules in the order of the spec.

    fired: the rule's condition holds. unjudged: it cannot be told, for a value is missing.
    """

    schema: Schema
    fired: BoolArray
    unjudged: BoolArray

    @property
    def decision(self) -> DecisionArray:
        """The severest decision of the rules for each row; the empty text where none speaks."""
        raise NotImplementedError

    def outcomes(self, row: int) -> tuple[RuleOutcome, ...]:
        """The rules that spoke on one row, declines first."""
        raise NotImplementedError


@dataclass(frozen=True)
class Decisions:
    """Decisions on applications [rows].

    score: scorecard points. findings: what the rules say.
    """

    decision: DecisionArray
    score: IntegerArray
    findings: Findings

    def __len__(self) -> int:
        return len(self.decision)


class Rules:
    """The hard rules of a schema, judged over rows at once."""

    def __init__(self, schema: Schema):
        self.schema = schema

    def __call__(self, applications: Applications) -> Findings:
        """Judge every rule on every application."""
        raise NotImplementedError


class Decider:
    """Decides as a package does: rules first, then bands; the severer of the two counts."""

    def __init__(self, schema: Schema, policy: Policy):
        self.schema = schema
        self.policy = policy
        self.rules = Rules(schema)

    def __call__(self, applications: Applications, pd: FloatArray) -> Decisions:
        """Decide on applications with their probabilities of default [rows]."""
        raise NotImplementedError
