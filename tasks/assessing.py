"""Assessing what was trained, as steps that an operator sees run and fail on their own."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from credit.adverse_action import reasons
from credit.assessment import Assessment, Assessor, assess
from credit.decisions import Decider
from credit.examination import Examination, examine
from credit.package import Package
from credit.reasons import ReasonModel
from credit.scoring import Scorer
from credit.training import TrainedFamily

TIMED_DECISIONS = 100


@task(name="assess family", task_run_name="assess {trained.family}", cache_policy=NO_CACHE)
def assess_family(trained: TrainedFamily, by: Assessor) -> Assessment:
    """Choose a family's policy, build its reason model, and measure business and fairness."""
    assessment = assess(trained, by)
    get_run_logger().info(
        "%s: approves %s of test applications at a bad rate of %s",
        trained.family,
        assessment.impact.approval_rate,
        assessment.impact.bad_rate,
    )
    return assessment


@task(name="examine champion", task_run_name="examine {champion.family}", cache_policy=NO_CACHE)
def examine_champion(
    champion: TrainedFamily,
    assessments: Sequence[tuple[TrainedFamily, Assessment]],
    test_rows: pd.DataFrame,
    by: Assessor,
) -> Examination:
    """Everything that the validation report tells beyond the model card."""
    return examine(champion, assessments, test_rows, by)


@task(name="time decisions", cache_policy=NO_CACHE)
def milliseconds_per_decision(package: Package, by: Assessor) -> float:
    """Median time of one decision with its reasons, in this process."""
    scorer = Scorer(package.schema, package.graph)
    decider = Decider(package.schema, package.policy)
    reason_model = ReasonModel.from_bytes(package.reasons, package.schema)
    applications = by.test.part.applications
    taken = []
    for row in range(min(TIMED_DECISIONS, len(applications))):
        one = applications[row : row + 1]
        started = perf_counter()
        decider(one, scorer.probabilities(one))
        reasons(reason_model, reason_model.features(one))
        taken.append(perf_counter() - started)
    return 1000 * median(taken)
