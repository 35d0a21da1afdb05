"""The plan of a training: splits, families and how far each is searched. Read from configs/."""

from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, model_validator

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


class CostPlan(Frozen):
    """What a decision earns or costs, as shares of the exposure; the currency is the exposure's.

    An approved good application earns `margin`, an approved bad one loses `loss_given_default`.
    Each review costs `review_cost` and sorts a case rightly with probability `review_accuracy`.
    """

    loss_given_default: float = Field(gt=0, le=1)
    margin: float = Field(gt=0, le=1)
    review_cost: float = Field(ge=0)
    review_accuracy: float = Field(ge=0.5, le=1)
    review_capacity: float = Field(ge=0, le=1, description="most applications reviewed, a share")


class ScalePlan(Frozen):
    """The scorecard scale: `base_score` at `base_odds` goods to one bad; odds double by points."""

    base_score: float
    base_odds: float = Field(gt=0)
    points_to_double: float = Field(gt=0)


class DecisionPlan(Frozen):
    """How applications are decided on."""

    costs: CostPlan
    scale: ScalePlan


class FairnessPlan(Frozen):
    """How the audit by protected columns is done.

    Groups smaller than `fewest_per_group` test rows are shown but not judged. A less
    discriminatory alternative may have an AUC lower by `auc_tolerance` on validation.
    """

    fewest_per_group: int = Field(gt=0)
    least_impact_ratio: float = Field(gt=0, le=1)
    auc_tolerance: float = Field(ge=0, le=0.1)
    bootstrap_samples: int = Field(gt=0)
    mitigation: Literal["none", "reweighing", "grid_search"] = "none"


class EvaluationPlan(Frozen):
    """How far a champion is examined."""

    folds: int = Field(ge=2, le=20)
    explained_rows: int = Field(gt=0, description="test rows that importance is measured on")
    cases: int = Field(gt=0, description="single decisions explained in the report")
    segments: int = Field(gt=0, description="worst segments listed")
    months_to_next_validation: int = Field(gt=0)


class PromotionPlan(Frozen):
    """What a challenger must pass, and who lets it in.

    `auc_margin` and `profit_margin` (a share of the champion's profit) are how much worse than the
    champion a challenger may be: it is refused unless the lower 95% bound of the paired difference
    is above the negative margin.
    """

    approval: Literal["auto", "manual"] = "auto"
    requester_may_approve: bool = False
    approval_days: float = Field(gt=0)
    least_auc: float = Field(ge=0.5, lt=1)
    auc_margin: float = Field(ge=0)
    profit_margin: float = Field(ge=0)
    calibration_slope: tuple[float, float]
    calibration_intercept: tuple[float, float]
    most_milliseconds: float = Field(gt=0, description="median of one decision with its reasons")


class DriftPlan(Frozen):
    """When drift is worth an alert.

    A column that carries `leading_share` of the champion's contributions, or is among its
    `leading_columns`, counts by itself; others by their share.
    """

    warning: float = Field(gt=0, lt=1)
    critical: float = Field(gt=0, lt=1)
    most_drifted: float = Field(gt=0, lt=1, description="share of columns that may have drifted")
    significance: float = Field(gt=0, lt=1)
    fewest_rows: int = Field(gt=0, description="smaller windows are not judged")
    leading_share: float = Field(gt=0, le=1)
    leading_columns: int = Field(ge=0)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.warning > self.critical:
            raise ValueError(
                f"warning ({self.warning:g}) must not be above critical ({self.critical:g})"
            )
        return self


class RetrainingPlan(Frozen):
    """When a champion is retrained.

    `accuracy_drop` is in shares (0.05: five points). `drift` must be exceeded for `drift_hours`.
    """

    accuracy_drop: float = Field(gt=0, lt=1)
    fewest_rows_for_accuracy: int = Field(gt=0)
    drift: float = Field(gt=0, lt=1)
    drift_hours: float = Field(ge=0)
    most_drifted: float = Field(gt=0, lt=1)
    every_days: float = Field(gt=0)
    cooldown_hours: float = Field(ge=0)
    fewest_outcomes: int = Field(gt=0, description="newly matured, for a retraining")
    fewest_bads_to_recalibrate: int = Field(gt=0, description="among them, with fewer outcomes")
    preset: PresetName = Field(default="full", description="how far a retraining searches")
    families: tuple[FamilyName, ...] = Field(default=(), description="empty: all of the preset")
    shadow_hours: float = Field(
        default=0, ge=0, description="so long a new model only scores beside the champion"
    )
    on_critical_drift: bool = Field(
        default=False, description="one critical check asks at once, whatever drift_hours says"
    )


class GuardPlan(Frozen):
    """How a new champion is watched once it decides; it is taken back when it does badly.

    `most_change` is how much the approval rate may differ from the former champion's, a share.
    """

    minutes: float = Field(gt=0, description="so long it is watched")
    rows: int = Field(gt=0, description="fewer decisions are no reason to take it back")
    most_errors: float = Field(ge=0, le=1, description="share of requests that may fail")
    most_change: float = Field(gt=0, le=1)
    most_slower: float = Field(default=3, gt=1, description="times as long as before, a request")


SCHEMES = ("https", "http", "slack+https", "slack+http", "mailto")


def _is_notified(url: str) -> str:
    """Refuse what cannot be notified; the message keeps the URL, and a token in it, to itself."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"expected a URL that begins with one of {', '.join(SCHEMES)}")
    if parts.scheme == "mailto":
        if "@" not in parts.path or not parse_qs(parts.query).get("smtp"):
            raise ValueError("expected mailto:risk@lender.example?smtp=host:port")
    elif not parts.hostname:
        raise ValueError("expected a host after ://")
    return url


class MonitoringPlan(Frozen):
    """What the nightly check reads, how it measures, and whom it tells.

    A window holds the decisions of `window_hours`, or, unless it is 0, the newest `window_rows`
    since the window before. Outcomes count once the spec's horizon has passed since the decision,
    or `horizon_months` where the spec has none.
    """

    window_hours: float = Field(gt=0)
    window_rows: int = Field(ge=0)
    hourly: bool = Field(default=False, description="check every hour too, not nightly alone")
    replayed: int = Field(ge=0, description="decisions recomputed in each check, drawn at random")
    fewest_matured: int = Field(gt=0, description="with fewer, nothing but the bad rate is said")
    horizon_months: int = Field(gt=0)
    most_matured: int = Field(gt=0, description="the newest ones, which performance is of")
    vintage: Literal["month", "quarter"]
    bootstrap_samples: int = Field(gt=0)
    notify: tuple[Annotated[str, AfterValidator(_is_notified)], ...] = Field(
        default=(), repr=False, description="URLs; they may hold a token, so set them by a variable"
    )
    guard: GuardPlan
