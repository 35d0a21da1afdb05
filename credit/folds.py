"""Cross-validation of a family at its chosen parameters: how much its quality depends on luck."""

from dataclasses import dataclass

from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.labels import BadArray
from credit.models.family import Family, Params
from credit.spec import Frozen


class Fold(Frozen):
    """One fold, measured by a model that was fitted on the others."""

    rows: int
    bads: int
    metrics: dict[str, float]


class CrossValidation(Frozen):
    """Every fold, and mean and sample standard deviation over them, by metric."""

    folds: tuple[Fold, ...]
    mean: dict[str, float]
    deviation: dict[str, float]


@dataclass(frozen=True)
class CrossValidated:
    """What cross-validation measured, and each row's out-of-fold probability of default [rows]."""

    report: CrossValidation
    probability: FloatArray


def cross_validate(
    family: Family,
    params: Params,
    features: Features,
    bad: BadArray,
    layout: Layout,
    folds: int,
    seed: int,
    fewest_bads_for_isotonic: int,
) -> CrossValidated:
    """Fit on all folds but one and measure on that one, for each in turn."""
    raise NotImplementedError
