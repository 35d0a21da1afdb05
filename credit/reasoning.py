"""Building the reason model from a fitted model, and proving that the two agree."""

from credit.calibration import Calibrator
from credit.expressions import FloatArray
from credit.features import Applications, FeatureMap, Features
from credit.models.family import Model
from credit.reasons import ReasonModel
from credit.spec import Frozen


class ReasonCheck(Frozen):
    """Largest differences: of calibrated margins from the graph, of base + sum from the margin."""

    parity: float
    additivity: float


def build_reason_model(
    model: Model, feature_map: FeatureMap, approved: Features, training: Applications
) -> bytes:
    """The reason model as an npz without pickle; the same arguments give the same bytes.

    `approved` are rows of the training and validation parts that the policy approves; `training`
    are the raw fields of the training part, for the steps of recourse.

    Raises:
        TrainingError: a feature has no reason text, or nobody was approved.
    """
    raise NotImplementedError


def check_reason_model(
    reason_model: ReasonModel,
    calibrator: Calibrator,
    applications: Applications,
    probabilities: FloatArray,
) -> ReasonCheck:
    """Compare with the graph's probabilities of default of the same applications.

    Raises:
        TrainingError: a calibrated margin differs by more than 1e-5, or contributions do not add
            up to within 1e-6.
    """
    raise NotImplementedError
