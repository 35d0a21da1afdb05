"""The reason model: the margin that decides, taken apart by feature.

It is made from the fitted model, agrees with the scoring graph, and needs numpy alone. A margin
is on the family's scale before calibration: log-odds, or the forest's probability.
"""

from dataclasses import dataclass

from credit.expressions import FloatArray
from credit.features import Applications, FeatureMap, Features
from credit.spec import Schema


@dataclass(frozen=True)
class ReasonModel:
    """How much each feature moves a margin away from that of the approved.

    Attributes:
        base: mean margin of the approved applicants that contributions are centred on.
        reference: one row of features: what is usual among the approved.
        quantiles: of each raw number field, ascending, without special codes and gaps; steps of
            one twentieth of the training rows.
        levels: of each raw category field, those that training rows had.
    """

    feature_map: FeatureMap
    base: float
    reference: Features
    quantiles: tuple[FloatArray, ...]
    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def from_bytes(cls, content: bytes, schema: Schema) -> "ReasonModel":
        """Read what `credit.reasoning.build_reason_model` wrote; raises PackageError."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        """The features in the order of the contributions: numbers, then categories."""
        schema = self.feature_map.schema
        return (*schema.number_features, *schema.category_features)

    def features(self, applications: Applications) -> Features:
        """What the model reads of raw fields."""
        return self.feature_map(applications)

    def margin(self, features: Features) -> FloatArray:
        """The model's margin [rows]; it rises with risk."""
        raise NotImplementedError

    def contributions(self, features: Features) -> FloatArray:
        """What each feature adds [rows, features]; `base` + the sum of a row is its margin.

        Centred on their mean over approved applicants, so that a positive contribution is worse
        than usual among those who were approved. A row's are the same alone and in a batch.
        """
        raise NotImplementedError
