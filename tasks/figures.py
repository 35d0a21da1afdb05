"""The figures of the documents, by the names that these ask for."""

import numpy as np

from credit.assessment import Assessment, Assessor
from credit.examination import Examination
from credit.models import FAMILIES
from credit.training import TrainedFamily
from tasks.documents.figures import CASE, VINTAGE
from tasks.plots import (
    band_plot,
    beeswarm_plot,
    calibration_plot,
    case_plot,
    dependence_plot,
    exploration_plot,
    fairness_plot,
    gains_plot,
    importance_plot,
    ks_plot,
    precision_recall_plot,
    profit_plot,
    roc_plot,
    score_distribution_plot,
    stability_plot,
    vintage_plot,
)


def card_figures(
    trained: TrainedFamily,
    assessment: Assessment,
    probabilities: dict[str, np.ndarray],
    by: Assessor,
) -> dict[str, bytes]:
    """What the model card shows of a family; `probabilities` are all families' on test rows."""
    bad, title = by.test.part.bad, trained.title
    return {
        "roc": roc_plot(bad, probabilities, title),
        "calibration": calibration_plot(bad, trained.test, title),
        "importance": importance_plot(assessment.explanation),
        "fairness": fairness_plot(assessment.fairness.columns, by.fairness.least_impact_ratio),
    }


def report_figures(
    champion: TrainedFamily,
    assessment: Assessment,
    examination: Examination,
    probabilities: dict[str, np.ndarray],
    currency: str,
    by: Assessor,
) -> dict[str, bytes]:
    """What the validation report shows beyond the model card."""
    test, title, scale = by.test.part, champion.title, FAMILIES[champion.family].scale
    stability = examination.stability
    cases = {
        f"{CASE}{place}": case_plot(case, scale) for place, case in enumerate(examination.cases, 1)
    }
    vintage = {VINTAGE: vintage_plot(stability.vintages)} if stability.vintages else {}
    return {
        "precision_recall": precision_recall_plot(test.bad, probabilities, title),
        "ks": ks_plot(test.bad, champion.test, title),
        "gains": gains_plot(test.bad, champion.test, title),
        "score_distribution": score_distribution_plot(test.bad, champion.test, assessment.policy),
        "band": band_plot(test.bad, champion.test, assessment.test.decision),
        "beeswarm": beeswarm_plot(assessment.explanation, scale),
        "dependence": dependence_plot(assessment.explanation, scale),
        "profit": profit_plot(examination.profit_curve, assessment.policy, currency),
        "exploration": exploration_plot(examination.exploration),
        "stability": stability_plot(stability),
        **vintage,
        **cases,
    }
