"""Deciding on applications: the hard rules of the spec first, then the policy's bands.

Where both speak, the severer decision counts: a rule that asks for a person does not keep a case
from being declined by its probability, and no probability gets past a rule that declines.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray, judge
from credit.features import Applications, Operands
from credit.policy import (
    DECISIONS,
    Decision,
    DecisionArray,
    IntegerArray,
    Policy,
    score,
    severity,
)
from credit.spec import HardRule, Schema

BoolArray = NDArray[np.bool_]

NO_RULE = ""

_NAMES = np.array(DECISIONS, dtype=object)
_SEVERITY = {decision: position for position, decision in enumerate(DECISIONS)}
_NAMES_OF_RULES = np.array((NO_RULE, *DECISIONS[1:]), dtype=object)


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

    def __len__(self) -> int:
        return len(self.fired)

    @cached_property
    def severity(self) -> IntegerArray:
        """The severest decision of the rules for each row as a position in `DECISIONS`.

        Where no rule speaks it is 0, for no rule approves.
        """
        weight = np.array([_SEVERITY[rule.decision] for rule in self.schema.rules.values()])
        severities = np.maximum(self.fired * weight, self.unjudged * _SEVERITY["review"])
        severest: IntegerArray = severities.max(axis=1, initial=0).astype(np.int64)
        return severest

    @property
    def decision(self) -> DecisionArray:
        """The severest decision of the rules for each row; the empty text where none speaks."""
        return _NAMES_OF_RULES[self.severity]

    def outcomes(self, row: int) -> tuple[RuleOutcome, ...]:
        """The rules that spoke on one row: declines, then reviews, then what was not judged."""
        rules = list(self.schema.rules.items())
        fired = [_fired(*rules[position]) for position in np.flatnonzero(self.fired[row])]
        unjudged = [_unjudged(*rules[position]) for position in np.flatnonzero(self.unjudged[row])]
        return tuple(sorted(fired + unjudged, key=lambda outcome: outcome.decision != "decline"))


def _fired(name: str, rule: HardRule) -> RuleOutcome:
    return RuleOutcome(name, rule.decision, rule.reason, judged=True)


def _unjudged(name: str, rule: HardRule) -> RuleOutcome:
    return RuleOutcome(name, "review", rule.unjudged_reason, judged=False)


class Rules:
    """The hard rules of a schema, judged over rows at once.

    >>> schema = Schema.model_validate({
    ...     "name": "tiny", "bad": {"target": "bad"},
    ...     "columns": {"debt": {"type": "number"}, "income": {"type": "number"}},
    ...     "rules": {"affordable": {
    ...         "when": "debt > 5 * income", "decision": "decline", "reason": "Debt is too high"}}})
    >>> numbers = np.array([[10.0, 1.0], [5.0, 1.0], [5.0, np.nan]])
    >>> findings = Rules(schema)(Applications(numbers, np.empty((3, 0), dtype=object)))
    >>> findings.decision.tolist()
    ['decline', '', 'review']
    >>> findings.outcomes(2)[0].reason
    'It could not be checked without a value for debt, income'
    """

    def __init__(self, schema: Schema):
        self.schema = schema
        names = set().union(*(rule.names for rule in schema.rules.values()))
        self._operands = Operands(schema, names)

    def __call__(self, applications: Applications) -> Findings:
        """Judge every rule on every application; special codes count as missing."""
        rules, rows = self.schema.rules.values(), len(applications)
        truth = np.empty((rows, len(rules)))
        if rules:
            values = self._operands(applications.numbers)
            for position, rule in enumerate(rules):
                truth[:, position] = judge(rule.condition, values)
        return Findings(self.schema, truth == 1.0, np.isnan(truth))


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


class Decider:
    """Decides as a package does, on one application or on many."""

    def __init__(self, schema: Schema, policy: Policy):
        self.schema = schema
        self.policy = policy
        self.rules = Rules(schema)

    def __call__(self, applications: Applications, pd: FloatArray) -> Decisions:
        """Decide on applications with their probabilities of default [rows]."""
        findings = self.rules(applications)
        severest = np.maximum(findings.severity, severity(self.policy, pd))
        return Decisions(_NAMES[severest], score(self.policy, pd), findings)
