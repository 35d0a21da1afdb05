"""The plan of a training: splits, families and how far each is searched. Read from configs/."""

from typing import Literal, Self

from pydantic import Field, model_validator

from credit.spec import Frozen

FamilyName = Literal["woe_logistic", "pca_logistic", "random_forest", "xgboost", "network"]
PresetName = Literal["quick", "full"]
Value = int | float


class PlanError(ValueError):
    """A plan asks for what a family does not have; the message names both."""


class Grid(Frozen):
    """Try every combination of the listed values."""

    method: Literal["grid"] = "grid"
    values: dict[str, tuple[Value, ...]] = Field(min_length=1)


class Range(Frozen):
    """A range to draw from, both ends included."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range must start above 0, got {self.low:g}")
        return self


class Bayesian(Frozen):
    """Draw `trials` candidates by Optuna's TPE; hopeless ones are pruned after a fold or two."""

    method: Literal["bayesian"] = "bayesian"
    trials: int = Field(gt=0)
    values: dict[str, Range | tuple[Value, ...]] = Field(min_length=1)


class FamilyPlan(Frozen):
    """How one family is fitted: parameters that stay, and the search over the others."""

    fixed: dict[str, Value] = Field(default={})
    search: Grid | Bayesian = Field(discriminator="method")


class Preset(Frozen):
    """How much work a training does."""

    folds: int = Field(ge=2, le=20)
    families: dict[FamilyName, FamilyPlan] = Field(min_length=1)


class SplitPlan(Frozen):
    """Shares of the rows; the rest trains."""

    validation: float = Field(gt=0, lt=0.5)
    test: float = Field(gt=0, lt=0.5)
    salt: str = "creditloop"


class CalibrationPlan(Frozen):
    """When the calibrator may bend: smoothed isotonic from this many bads on, Platt below."""

    fewest_bads_for_isotonic: int = Field(gt=0)


class TrainingPlan(Frozen):
    """Everything but the data that decides what a training produces."""

    seed: int = Field(ge=0, le=2**31 - 1)
    most_rejected: float = Field(ge=0, le=1, description="share of rejected rows that stops a run")
    fewest_rows_per_level: int = Field(gt=0)
    bootstrap_samples: int = Field(gt=0)
    splits: SplitPlan
    calibration: CalibrationPlan
    presets: dict[PresetName, Preset]
