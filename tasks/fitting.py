"""Fitting one family, as a step that an operator sees run, report and fail on its own."""

from math import prod
from time import monotonic

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from credit.assessment import Assessor
from credit.mitigation import PartGroups, train_mitigated
from credit.plan import FamilyName, Grid, Preset, TrainingPlan
from credit.search import Trial
from credit.training import TrainedFamily


@task(name="fit family", task_run_name="fit {family}", cache_policy=NO_CACHE)
def fit(
    family: FamilyName, preset: Preset, by: Assessor, plan: TrainingPlan
) -> tuple[TrainedFamily, float]:
    """Search, fit, calibrate, export and measure a family, with a log line for each trial.

    Returns:
        What was trained, and how many seconds that took.
    """
    started = monotonic()
    logger, total = get_run_logger(), trials_planned(family, preset)

    def report(trial: Trial) -> None:
        done = trial.number + 1
        logger.info(
            "%s: trial %d of %d, AUC %.4f%s",
            family,
            done,
            total,
            trial.auc,
            " (pruned)" if trial.pruned else "",
            extra={"family": family, "done": done, "total": total},
        )

    logger.info("%s: searching", family, extra={"family": family, "done": 0, "total": total})
    groups = PartGroups(by.train.groups, by.validation.groups)
    trained = train_mitigated(family, preset, by.development, groups, plan, by.fairness, report)
    seconds = monotonic() - started
    logger.info(
        "%s: test AUC %s in %.0f s",
        family,
        trained.metrics["test"]["auc"],
        seconds,
        extra={"family": family, "done": total, "total": total},
    )
    return trained, seconds


def trials_planned(family: FamilyName, preset: Preset) -> int:
    """How many candidates a family's search tries."""
    search = preset.families[family].search
    if isinstance(search, Grid):
        return prod(len(values) for values in search.values.values())
    return search.trials
