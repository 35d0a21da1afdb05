"""Underwriting with a package: what the service decides, and what an audit recomputes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from credit.adverse_action import MOST_REASONS, Reason, reasons
from credit.decisions import Decider, RuleOutcome
from credit.expressions import FloatArray
from credit.features import Applications
from credit.package import Package
from credit.policy import Decision
from credit.reasons import ReasonModel
from credit.recourse import Recourse, find_recourse
from credit.scoring import Scorer
from credit.spec import Frozen

Ask = Literal["not approved", "all", "none"]
IndexArray: TypeAlias = NDArray[np.int64]


class Contribution(Frozen):
    """What one feature adds to the margin, compared with the approved; positive is worse."""

    feature: str
    contribution: float


class Explanation(Frozen):
    """A margin taken apart: `base` and all contributions add up to it.

    scale: log-odds, or the forest's probability. Contributions come largest first.
    """

    scale: str
    base: float
    margin: float
    contributions: tuple[Contribution, ...]


class GivenReason(Frozen):
    """A reason as it is given to an applicant.

    rule: the hard rule that spoke, where it was one. features, contribution, holds: of the factor
    that hurt, where it was one (see `credit.adverse_action.Reason`).
    """

    text: str
    rule: str | None = None
    features: tuple[str, ...] = ()
    contribution: float | None = None
    holds: bool | None = None


@dataclass(frozen=True)
class Judgement:
    """What was decided on one application, and why.

    probability: of default, rounded to 1e-6. score: scorecard points. reasons: of hard rules
    first, then of factors where the probability alone would not be approved; at most four, unless
    inquiries are among the factors or rules alone are more.
    """

    probability: float
    score: int
    decision: Decision
    reasons: tuple[GivenReason, ...] = ()


class Underwriter:
    """Decides on applications with a package's graph, rules, policy and reason model.

    An application gets the same judgement alone as among others.
    """

    def __init__(self, package: Package):
        """Load a package; raises PackageError when a part of it cannot be read."""
        self.schema = package.schema
        self.policy = package.policy
        self._scorer = Scorer(package.schema, package.graph)
        self._decider = Decider(package.schema, package.policy)
        self._reasons = ReasonModel.from_bytes(package.reasons, package.schema)

    def judge(self, applications: Applications, ask: Ask = "not approved") -> list[Judgement]:
        """Decide on applications, in their order.

        Args:
            applications: raw fields whose values are checked.
            ask: for which of them the factors that hurt are worked out; rules always say why.
        """
        probabilities = self._scorer.probabilities(applications)
        decided = self._decider(applications, probabilities)
        factors = self._factors(applications, self._asked(probabilities, ask))
        ruled = set(np.flatnonzero(decided.findings.severity).tolist())
        columns = (probabilities.tolist(), decided.score.tolist(), decided.decision.tolist())
        return [
            Judgement(
                *judged,
                _given(decided.findings.outcomes(row) if row in ruled else (), factors.get(row, ()))
                if row in ruled or row in factors
                else (),
            )
            for row, judged in enumerate(zip(*columns, strict=True))
        ]

    def explain(self, application: Applications) -> Explanation:
        """All contributions to the margin of one application (one row)."""
        model = self._reasons
        features = model.features(application)
        (contributions,) = model.contributions(features).tolist()
        named = zip(model.names, contributions, strict=True)
        return Explanation(
            scale=model.scale,
            base=model.base,
            margin=float(model.margin(features)[0]),
            contributions=tuple(
                Contribution(feature=name, contribution=value)
                for name, value in sorted(named, key=lambda each: -abs(each[1]))
            ),
        )

    def recourse(self, application: Applications) -> Recourse | None:
        """The smallest change that would have this application (one row) approved, if any."""
        return find_recourse(self._reasons, application, self._approves)

    def _approves(self, applications: Applications) -> NDArray[np.bool_]:
        decided = self._decider(applications, self._scorer.probabilities(applications))
        return np.asarray(decided.decision == "approve")

    def _asked(self, probabilities: FloatArray, ask: Ask) -> IndexArray:
        """The rows whose factors are worked out."""
        if ask == "all":
            return np.arange(len(probabilities))
        if ask == "none":
            return np.arange(0)
        return np.flatnonzero(~(probabilities < self.policy.approve_below))

    def _factors(
        self, applications: Applications, rows: IndexArray
    ) -> dict[int, tuple[Reason, ...]]:
        if not len(rows):
            return {}
        features = self._reasons.features(applications[rows])
        return dict(zip(rows.tolist(), reasons(self._reasons, features), strict=True))


def _given(rules: Sequence[RuleOutcome], factors: Sequence[Reason]) -> tuple[GivenReason, ...]:
    of_rules = {rule.reason: GivenReason(text=rule.reason, rule=rule.rule) for rule in rules}
    of_factors = [
        GivenReason(
            text=factor.text,
            features=factor.features,
            contribution=factor.contribution,
            holds=factor.holds,
        )
        for factor in factors
        if factor.text not in of_rules
    ]
    room = max(max(MOST_REASONS, len(factors)) - len(of_rules), 0)
    return (*of_rules.values(), *of_factors[:room])
