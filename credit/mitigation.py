"""Mitigation of disparity in training; off unless the plan asks for it.

Both methods read the protected columns of training rows only. The model that comes out reads the
same inputs as any other and decides without drawing lots.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from credit.expressions import FloatArray
from credit.groups import Groups
from credit.labels import BadArray
from credit.plan import FairnessPlan, FamilyName, Preset, TrainingPlan
from credit.search import Trial
from credit.training import Development, TrainedFamily


@dataclass(frozen=True)
class PartGroups:
    """The groups by protected column of the training and the validation rows."""

    train: Mapping[str, Groups]
    validation: Mapping[str, Groups]


def train_mitigated(
    name: FamilyName,
    preset: Preset,
    development: Development,
    groups: PartGroups,
    plan: TrainingPlan,
    fairness: FairnessPlan,
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedFamily:
    """`train_family` with the plan's mitigation: none, reweighing or grid_search."""
    raise NotImplementedError


def reweighing(groups: Groups, bad: BadArray) -> FloatArray:
    """Weights [rows] that make group and label independent (Kamiran and Calders, 2012)."""
    raise NotImplementedError
