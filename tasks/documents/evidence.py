"""What the documents say, as values: each is what a computation of the domain returned.

A document is a pure function of its evidence. Every field is required, so that a computation left
out fails the build by name instead of leaving a gap that nobody notices.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from configs.settings import describe
from credit.adverse_action import Reason, ReasonQuality
from credit.alternatives import Alternatives
from credit.baseline import Baseline
from credit.calibration import Platt
from credit.comparison import Comparison
from credit.decisions import Findings
from credit.explanation import GlobalExplanation, LocalExplanation, MonotoneCheck
from credit.exploration import Exploration
from credit.expressions import FloatArray
from credit.fairness import FairnessAudit
from credit.folds import CrossValidation
from credit.impact import Impact, ProfitCurve, SwapSet
from credit.intervals import Interval
from credit.labels import BadArray
from credit.metrics import calibration_curve
from credit.package import Provenance
from credit.plan import FamilyName, PresetName, PromotionPlan, Value
from credit.policy import Decision, Policy
from credit.promotion import Verdict
from credit.proxies import Proxies
from credit.reasoning import ReasonCheck
from credit.reasons import reason_texts
from credit.reference import Reference
from credit.segments import ErrorAnalysis
from credit.spec import Frozen, Schema
from credit.stability import Stability
from credit.training import TrainedFamily
from tasks.documents.figures import DocumentError
from tasks.record import Data


class Evidence(Frozen):
    """The evidence of one document."""

    document: ClassVar[str]

    @classmethod
    def of(cls, **parts: object) -> Self:
        """Gather the evidence.

        Raises:
            DocumentError: a part is missing or of the wrong type; the message names it.
        """
        try:
            return cls.model_validate(parts)
        except ValidationError as error:
            raise DocumentError(describe(error, cls.document)) from None


class PartRows(Frozen):
    """Rows of one part of the split; the bad rate is none where outcomes are not used."""

    name: str
    rows: int
    bad_rate: float | None


class DataEvidence(Frozen):
    """The rows behind a model, without where they lie."""

    parts: tuple[PartRows, ...] = Field(min_length=1)
    rejected: int
    rejected_share: float
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, data: Data) -> Self:
        """What a training says of its rows."""
        return cls(
            parts=tuple(
                PartRows(name=name, rows=rows, bad_rate=data.bad_rates.get(name))
                for name, rows in data.rows.items()
            ),
            rejected=data.rejected,
            rejected_share=data.rejected_share,
            warnings=data.warnings,
            notes=data.notes,
        )


class FamilyEvidence(Frozen):
    """One family's best model: what was tried, what it ranks by, and how it did on test rows."""

    family: FamilyName
    title: str
    params: dict[str, Value]
    trials: int
    calibrator: str
    validation_auc: Interval
    test: dict[str, Interval]
    parity: float

    @classmethod
    def of(cls, trained: TrainedFamily) -> Self:
        """The public part of a trained family."""
        return cls(
            family=trained.family,
            title=trained.title,
            params=dict(trained.params),
            trials=len(trained.trials),
            calibrator="Platt's line in log-odds"
            if isinstance(trained.calibrator, Platt)
            else "smoothed isotonic regression",
            validation_auc=trained.metrics["validation"]["auc"],
            test=dict(trained.metrics["test"]),
            parity=trained.parity,
        )


class CalibrationGroup(Frozen):
    """Test rows of similar probability of default: what was predicted and what happened."""

    rows: int
    mean_pd: float
    bad_rate: float


def calibration_groups(bad: BadArray, probability: FloatArray) -> tuple[CalibrationGroup, ...]:
    """Ten groups of equal size from the lowest probability [rows] to the highest.

    >>> import numpy as np
    >>> bad, probability = np.array([0, 1] * 10), np.linspace(0.05, 0.95, 20)
    >>> calibration_groups(bad, probability)[0].bad_rate
    0.5
    """
    return tuple(
        CalibrationGroup(rows=int(rows), mean_pd=float(mean), bad_rate=float(rate))
        for mean, rate, rows in zip(*calibration_curve(bad, probability), strict=True)
    )


class RuleUse(Frozen):
    """How often a hard rule spoke on test rows, and how often a value that it needs was missing."""

    rule: str
    fired: int
    unjudged: int


def rule_uses(findings: Findings) -> tuple[RuleUse, ...]:
    """The rules in the order of the spec."""
    counts = zip(findings.fired.sum(axis=0), findings.unjudged.sum(axis=0), strict=True)
    return tuple(
        RuleUse(rule=name, fired=int(fired), unjudged=int(unjudged))
        for name, (fired, unjudged) in zip(findings.schema.rules, counts, strict=True)
    )


class ReferenceEvidence(Frozen):
    """What is normal for the model, in short: what drift will be measured from.

    rows, features: of the profiles. judged: rows that score and decisions are of, with their mean
    probability of default and the share of each decision. threshold: from which on a row counts as
    bad. baseline: none where no test row, or only rows of one kind, would be approved.
    """

    rows: int
    features: int
    judged: int
    mean_pd: float
    decisions: dict[Decision, float]
    threshold: float
    baseline: Baseline | None

    @classmethod
    def of(cls, reference: Reference) -> Self:
        """The short form of a reference."""
        judged = reference.probability.rows
        return cls(
            rows=reference.rows,
            features=len(reference.columns),
            judged=judged,
            mean_pd=reference.probability.mean,
            decisions={name: rows / judged for name, rows in reference.decisions.items()},
            threshold=reference.threshold,
            baseline=reference.baseline,
        )


class CardEvidence(Evidence):
    """What the model card says: nothing of a clock, a run or another model in production.

    rules: one for each hard rule of the spec.
    explanation: without what it says of single rows, which has no place in a package.
    """

    document = "model card"

    spec: Schema
    family: FamilyName
    families: tuple[FamilyEvidence, ...] = Field(min_length=1)
    data: DataEvidence
    calibration: tuple[CalibrationGroup, ...] = Field(min_length=1)
    policy: Policy
    impact: Impact
    rules: tuple[RuleUse, ...]
    explanation: GlobalExplanation
    reference: ReferenceEvidence
    monotone: tuple[MonotoneCheck, ...]
    reason_check: ReasonCheck
    reason_quality: ReasonQuality
    fairness: FairnessAudit
    mitigation: Literal["none", "reweighing", "grid_search"]
    provenance: Provenance

    @field_validator("explanation", mode="after")
    @classmethod
    def _without_rows(cls, explanation: GlobalExplanation) -> GlobalExplanation:
        return explanation.model_copy(update={"swarms": (), "dependences": ()})

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        _same("families", [each.family for each in self.families], [self.family])
        _same("rules", [use.rule for use in self.rules], list(self.spec.rules))
        audited = [column.name for column in self.fairness.columns]
        _same("fairness", audited, list(self.spec.protected))
        directed = [name for name in features_of(self.spec) if self.spec.feature(name).monotone]
        _same("monotone", [check.feature for check in self.monotone], directed)
        return self

    @property
    def chosen(self) -> FamilyEvidence:
        """The family that the package carries."""
        return next(each for each in self.families if each.family == self.family)

    @property
    def currency(self) -> str:
        """The unit of amounts; empty where the spec names none."""
        return self.spec.currency


def features_of(schema: Schema) -> list[str]:
    """Everything that a model of this schema may read."""
    return [*schema.number_features, *schema.category_features]


def _same(part: str, given: list[str], expected: list[str]) -> None:
    missing = [name for name in expected if name not in given]
    if missing:
        raise ValueError(f"{part} holds nothing on {', '.join(missing)}")


class ChampionEvidence(Frozen):
    """The model in production, and what changes when the new one takes its place."""

    version: str
    title: str
    comparison: Comparison
    swap: SwapSet


class Watched(Frozen):
    """One line of the monitoring plan: what is looked at, how often, and what follows."""

    what: str
    how: str
    often: str
    bound: str
    action: str


class ReportEvidence(Evidence):
    """What the validation report says.

    package: the digest of the package that was validated.
    champion: none when no model is in production.
    validated_on, next_validation: given, never read from a clock.
    """

    document = "validation report"

    card: CardEvidence
    package: str = Field(pattern="^[0-9a-f]{64}$")
    preset: PresetName
    seed: int
    requester: str
    validated_on: date
    next_validation: date
    exploration: Exploration
    cross_validation: CrossValidation
    stability: Stability
    errors: ErrorAnalysis
    cases: tuple[LocalExplanation, ...] = Field(min_length=1)
    profit_curve: ProfitCurve
    champion: ChampionEvidence | None
    alternatives: Alternatives
    proxies: tuple[Proxies, ...]
    monitoring: tuple[Watched, ...] = Field(min_length=1)
    promotion: PromotionPlan
    verdict: Verdict

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        columns = [each.column for each in self.proxies]
        _same("proxies", columns, list(self.card.spec.protected))
        return self


class ReasonUse(Frozen):
    """How often a reason text was given to declined test rows.

    first: it was the first reason; named: it was one of the reasons; held: of those, how often
    moving its inputs to what is usual among the approved would have improved the score.
    """

    text: str
    features: tuple[str, ...]
    counts_inquiries: bool
    first: int
    named: int
    held: int


def reason_uses(schema: Schema, given: Sequence[Sequence[Reason]]) -> tuple[ReasonUse, ...]:
    """Count the reasons given to declined rows; every text of the spec is there, used or not."""
    first = Counter(reasons[0].text for reasons in given if reasons)
    named = Counter(reason.text for reasons in given for reason in reasons)
    held = Counter(reason.text for reasons in given for reason in reasons if reason.holds)
    return tuple(
        ReasonUse(
            text=each.text,
            features=each.features,
            counts_inquiries=each.counts_inquiries,
            first=first[each.text],
            named=named[each.text],
            held=held[each.text],
        )
        for each in reason_texts(schema)
    )


class AdverseActionEvidence(Evidence):
    """What the adverse-action table says. declined: a sample of what the bands decline of test."""

    document = "adverse-action table"

    spec: Schema
    title: str
    declined: int
    uses: tuple[ReasonUse, ...] = Field(min_length=1)
    quality: ReasonQuality
    rules: tuple[RuleUse, ...]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        _same("rules", [use.rule for use in self.rules], list(self.spec.rules))
        named = [feature for use in self.uses for feature in use.features]
        _same("uses", named, features_of(self.spec))
        return self
