"""Examining a champion before it decides: what the validation report tells beyond the card."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from credit.alternatives import Alternatives, Candidate, compare_alternatives
from credit.assessment import Assessment, Assessor
from credit.comparison import Compared, Comparison, Scored, compare
from credit.decisions import Decisions
from credit.explanation import LimePlan, LocalExplanation, choose_cases, explain_case
from credit.exploration import Exploration, explore
from credit.expressions import FloatArray
from credit.folds import CrossValidated, CrossValidation, cross_validate
from credit.impact import BoolArray, ProfitCurve, SwapSet, profit_curve, profit_of, swap_set
from credit.lime import Lime
from credit.models import FAMILIES
from credit.plan import PromotionPlan
from credit.proxies import Proxies, find_proxies
from credit.reasons import ReasonModel
from credit.segments import (
    ErrorAnalysis,
    confusion,
    costliest_mistakes,
    worst_segments,
)
from credit.stability import Stability, by_vintage, stability
from credit.training import TrainedFamily

LIME_SAMPLES = 2000
LIME_TERMS = 8


@dataclass(frozen=True)
class Examination:
    """What an examination found."""

    exploration: Exploration
    cross_validation: CrossValidation
    stability: Stability
    errors: ErrorAnalysis
    cases: tuple[LocalExplanation, ...]
    profit_curve: ProfitCurve
    alternatives: Alternatives
    proxies: tuple[Proxies, ...]


@dataclass(frozen=True)
class Incumbent:
    """The model in production on the test rows: its probabilities and decisions."""

    probability: FloatArray
    decisions: Decisions


def examine(
    champion: TrainedFamily,
    assessments: Sequence[tuple[TrainedFamily, Assessment]],
    rows: pd.DataFrame,
    by: Assessor,
) -> Examination:
    """Examine the champion.

    Args:
        champion: the family that was chosen.
        assessments: every family with its assessment, the champion's among them.
        rows: the validated test rows, as they arrived.
        by: what all were assessed on.
    """
    development, test, schema = by.development, by.test, by.development.feature_map.schema
    assessment = next(each for trained, each in assessments if trained is champion)
    reason_model = ReasonModel.from_bytes(assessment.reason_model, schema)
    return Examination(
        exploration=explore(
            development.feature_map, development.train.features, development.train.bad
        ),
        cross_validation=_cross_validate(champion, by).report,
        stability=_stability(champion, rows, by),
        errors=_errors(champion, assessment, by),
        cases=_cases(champion, assessment, reason_model, by),
        profit_curve=profit_curve(
            test.part.bad,
            champion.test,
            test.exposure,
            assessment.policy.costs,
            assessment.test.findings.decision,
        ),
        alternatives=_alternatives(champion, assessments, by),
        proxies=find_proxies(
            development.validation.features,
            development.feature_map,
            by.validation.groups,
            by.seed,
        ),
    )


def _cross_validate(champion: TrainedFamily, by: Assessor) -> CrossValidated:
    """With the family's own parameters, the folds side by side; each has rows of both classes."""
    train = by.development.train
    folds = min(by.evaluation.folds, *np.bincount(train.bad, minlength=2).tolist())
    with ThreadPoolExecutor(by.threads) as threads:
        return cross_validate(
            FAMILIES[champion.family],
            champion.params,
            train.features,
            train.bad,
            by.development.feature_map.layout,
            folds,
            by.seed,
            by.fewest_bads_for_isotonic,
            threads.map,
        )


def _stability(champion: TrainedFamily, rows: pd.DataFrame, by: Assessor) -> Stability:
    """Columns of training against test rows; scores of validation rows, which are unseen too."""
    development, test = by.development, by.test.part
    time = development.feature_map.schema.time
    vintages = by_vintage(rows[time], test.bad, champion.test, champion.validation) if time else ()
    return stability(
        development.feature_map,
        development.train.features,
        test.features,
        champion.validation,
        champion.test,
        vintages,
    )


def _errors(champion: TrainedFamily, assessment: Assessment, by: Assessor) -> ErrorAnalysis:
    test, decisions = by.test, assessment.test.decision
    feature_map, most = by.development.feature_map, by.evaluation.segments
    return ErrorAnalysis(
        segments=worst_segments(
            feature_map, test.part.features, test.part.bad, champion.test, most, by.seed
        ),
        confusion=confusion(decisions, test.part.bad),
        mistakes=costliest_mistakes(
            feature_map.schema,
            test.part.applications,
            decisions,
            test.part.bad,
            champion.test,
            test.exposure,
            assessment.policy.costs,
            most,
        ),
    )


def _cases(
    champion: TrainedFamily, assessment: Assessment, reason_model: ReasonModel, by: Assessor
) -> tuple[LocalExplanation, ...]:
    """Decisions are those of rules and bands together, as the applicant would have had them."""
    development, policy = by.development, assessment.policy
    lime = Lime.of(development.feature_map, development.train.features)
    plan = LimePlan(samples=LIME_SAMPLES, terms=LIME_TERMS, seed=by.seed)
    chosen = choose_cases(
        champion.test,
        assessment.test.decision,
        (policy.approve_below, policy.decline_above),
        by.evaluation.cases,
    )
    features = by.test.part.features
    return tuple(explain_case(reason_model, lime, features, case, plan) for case in chosen)


def _alternatives(
    champion: TrainedFamily, assessments: Sequence[tuple[TrainedFamily, Assessment]], by: Assessor
) -> Alternatives:
    part, exposure = by.validation.part, by.validation.exposure
    candidates = [
        Candidate(
            trained.family,
            trained.validation,
            each.validation.decision == "approve",
            float(profit_of(each.validation.decision, part.bad, exposure, each.policy.costs).sum()),
        )
        for trained, each in assessments
    ]
    return compare_alternatives(
        candidates, champion.family, part.bad, by.validation.groups, by.fairness, by.seed
    )


def compare_with(
    incumbent: Incumbent,
    champion: TrainedFamily,
    assessment: Assessment,
    plan: PromotionPlan,
    by: Assessor,
) -> tuple[Comparison, SwapSet]:
    """The new champion against the model in production, on the same test rows."""
    bad, exposure, costs = by.test.part.bad, by.test.exposure, assessment.policy.costs
    everything = np.ones(len(bad), dtype=bool)
    comparison = _compare(everything, incumbent, champion, assessment, plan, by)
    swap = swap_set(incumbent.decisions.decision, assessment.test.decision, bad, exposure, costs)
    return comparison, swap


def compare_on(
    rows: BoolArray,
    incumbent: Incumbent,
    champion: TrainedFamily,
    assessment: Assessment,
    plan: PromotionPlan,
    by: Assessor,
) -> Compared:
    """The same on some of the test rows alone."""
    return _compare(rows, incumbent, champion, assessment, plan, by).all_rows


def _compare(
    rows: BoolArray,
    incumbent: Incumbent,
    champion: TrainedFamily,
    assessment: Assessment,
    plan: PromotionPlan,
    by: Assessor,
) -> Comparison:
    bad, exposure, costs = by.test.part.bad, by.test.exposure, assessment.policy.costs

    def scored(probability: FloatArray, decisions: Decisions) -> Scored:
        return Scored(probability, profit_of(decisions.decision, bad, exposure, costs)).of(rows)

    return compare(
        bad[rows],
        scored(incumbent.probability, incumbent.decisions),
        scored(champion.test, assessment.test),
        incumbent.decisions.decision[rows] == "approve",
        plan.auc_margin,
        plan.profit_margin,
        by.bootstrap_samples,
        by.seed,
    )
