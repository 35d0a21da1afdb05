"""Assessing a trained family: how it would decide, with which reasons, and for whom.

Bands are chosen and reasons centred on validation rows; test rows only measure.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.adverse_action import Reason, ReasonQuality, reasons_and_quality
from credit.bands import choose_bands
from credit.decisions import Decider, Decisions, Rules
from credit.explanation import (
    ExplanationError,
    GlobalExplanation,
    MonotoneCheck,
    explain_globally,
    monotone_checks,
)
from credit.expressions import FloatArray
from credit.fairness import FairnessAudit, audit
from credit.features import Applications, Features
from credit.groups import Groups
from credit.impact import Impact, impact
from credit.performance import baseline
from credit.plan import DecisionPlan, EvaluationPlan, FairnessPlan, FamilyName
from credit.policy import DecisionArray, Policy, band
from credit.reasoning import ReasonCheck, build_reason_model, check_reason_model
from credit.reasons import ReasonModel
from credit.reference import Reference, reference_of
from credit.sampling import evenly_spaced
from credit.training import Development, Part, TrainedFamily, TrainingError

# With fewer approved than this, "usual among the approved" is what the safest quarter has.
FEWEST_APPROVED = 30


@dataclass(frozen=True)
class Portfolio:
    """A part's rows as the business and the audit see them: exposure and groups of each [rows]."""

    part: Part
    exposure: FloatArray
    groups: Mapping[str, Groups]


@dataclass(frozen=True)
class Assessor:
    """What every family of a training is assessed on, and how far.

    newest: applications that are normal from now on, approved or not; unless they are given, those
    of the training are.
    """

    development: Development
    train: Portfolio
    validation: Portfolio
    test: Portfolio
    decisions: DecisionPlan
    fairness: FairnessPlan
    evaluation: EvaluationPlan
    bootstrap_samples: int
    fewest_bads_for_isotonic: int
    seed: int
    threads: int
    newest: Applications | None = None


@dataclass(frozen=True)
class Assessment:
    """One family's policy, reason model and what they do.

    Attributes:
        validation, test: decisions on those parts' rows.
        reason_model: the package's bytes.
        given: the reasons of a sample of test rows whose probability is declined.
        reference: what is normal for the family, which drift is measured from.
    """

    policy: Policy
    validation: Decisions
    test: Decisions
    reason_model: bytes
    reason_check: ReasonCheck
    reason_quality: ReasonQuality
    given: tuple[tuple[Reason, ...], ...]
    impact: Impact
    fairness: FairnessAudit
    explanation: GlobalExplanation
    monotone: tuple[MonotoneCheck, ...]
    reference: Reference


def assess(trained: TrainedFamily, by: Assessor) -> Assessment:
    """Choose a family's bands, build its reason model, and measure both on test rows.

    Raises:
        TrainingError: an input has no reason text, or the reason model and the model differ; the
            message names the family.
        ExplanationError: contributions do not add up; the same.
    """
    with _named(trained.family):
        return _assess(trained, by)


def _assess(trained: TrainedFamily, by: Assessor) -> Assessment:
    development, test = by.development, by.test
    policy = _policy(trained, by)
    decider = Decider(development.feature_map.schema, policy)
    on_validation = decider(development.validation.applications, trained.validation)
    on_test = decider(test.part.applications, trained.test)
    content = build_reason_model(
        trained.model,
        development.feature_map,
        _approved(trained, on_validation.decision, by),
        development.train.applications,
    )
    reason_model = ReasonModel.from_bytes(content, development.feature_map.schema)
    declined = _sample(test.part.features[band(policy, trained.test) == "decline"], by)
    given, quality = reasons_and_quality(reason_model, declined)
    explanation = explain_globally(
        reason_model, development.feature_map, _sample(test.part.features, by)
    )
    return Assessment(
        policy=policy,
        validation=on_validation,
        test=on_test,
        reason_model=content,
        reason_check=check_reason_model(
            reason_model, trained.calibrator, test.part.applications, trained.test
        ),
        reason_quality=quality,
        given=tuple(given),
        impact=impact(
            on_test.decision,
            test.part.bad,
            test.exposure,
            policy.costs,
            by.bootstrap_samples,
            by.seed,
        ),
        fairness=audit(on_test.decision, test.part.bad, test.groups, by.fairness, by.seed),
        explanation=explanation,
        monotone=monotone_checks(
            trained.model.margin,
            development.feature_map,
            development.train.features,
            seed=by.seed,
        ),
        reference=_reference(trained, policy, on_test.decision, explanation, by),
    )


@contextmanager
def _named(family: FamilyName) -> Iterator[None]:
    """Say in errors which family they are about: one family's stops a training of several."""
    try:
        yield
    except (TrainingError, ExplanationError) as error:
        raise type(error)(f"{family}: {error}") from None


def _sample(features: Features, by: Assessor) -> Features:
    return features[evenly_spaced(len(features), by.evaluation.explained_rows)]


def _policy(trained: TrainedFamily, by: Assessor) -> Policy:
    part = by.validation.part
    by_rule = Rules(by.development.feature_map.schema)(part.applications).decision
    return choose_bands(part.bad, trained.validation, by.validation.exposure, by.decisions, by_rule)


def _reference(
    trained: TrainedFamily,
    policy: Policy,
    on_test: DecisionArray,
    explanation: GlobalExplanation,
    by: Assessor,
) -> Reference:
    """Columns of all rows; score and decisions of those only that the family was not fitted on."""
    train, validation, test = (each.part for each in (by.train, by.validation, by.test))
    unseen = validation.applications.followed_by(test.applications)
    everyone = train.applications.followed_by(unseen)
    if by.newest is not None:
        unseen = everyone = by.newest
    return reference_of(
        by.development.feature_map.schema,
        trained.graph,
        policy,
        everyone,
        unseen,
        importance=explanation.importance,
        baseline=baseline(
            test.bad,
            trained.test,
            on_test,
            policy.decline_above,
            by.bootstrap_samples,
            by.seed,
        ),
    )


def _approved(trained: TrainedFamily, decision: DecisionArray, by: Assessor) -> Features:
    """The validation rows that are approved, or the safest quarter where hardly any are."""
    chosen: NDArray[np.bool_] = decision == "approve"
    if chosen.sum() < FEWEST_APPROVED:
        chosen = trained.validation <= np.quantile(trained.validation, 0.25)
    return by.validation.part.features[chosen]
