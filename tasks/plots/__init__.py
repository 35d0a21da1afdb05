"""Plots as PNG bytes: the same arguments give the same bytes, in any thread."""

from tasks.plots.business import profit_plot
from tasks.plots.explanations import beeswarm_plot, case_plot, dependence_plot, importance_plot
from tasks.plots.exploration import exploration_plot
from tasks.plots.fairness import fairness_plot
from tasks.plots.probabilities import band_plot, calibration_plot, score_distribution_plot
from tasks.plots.ranking import gains_plot, ks_plot, precision_recall_plot, roc_plot
from tasks.plots.stability import stability_plot, vintage_plot

__all__ = [
    "band_plot",
    "beeswarm_plot",
    "calibration_plot",
    "case_plot",
    "dependence_plot",
    "exploration_plot",
    "fairness_plot",
    "gains_plot",
    "importance_plot",
    "ks_plot",
    "precision_recall_plot",
    "profit_plot",
    "roc_plot",
    "score_distribution_plot",
    "stability_plot",
    "vintage_plot",
]
