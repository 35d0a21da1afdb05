"""The one interface of every model family."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from credit.expressions import FloatArray
from credit.features import Features, Layout
from credit.graph import Graph
from credit.labels import BadArray
from credit.models.design import FeatureTensors
from credit.plan import Value

Params: TypeAlias = Mapping[str, Value]
Scale: TypeAlias = Literal["log-odds", "probability"]


class Model(Protocol):
    """A fitted model. Its margin rises with risk and is what calibration and reasons start from."""

    def margin(self, features: Features) -> FloatArray:
        """[rows], on the family's scale."""

    def emit(self, graph: Graph, features: FeatureTensors) -> str:
        """The same margin as a tensor [rows, 1]."""


class Fit(Protocol):
    """Fits a model on features, labels, their layout, all parameters and a seed, deterministically.

    Weights [rows] with mean 1 say how much each row counts in the loss. Without them, and with
    ones, all count alike. Bins, medians, scales and components are learned from the rows as they
    are: weights change what a model concludes, not what it reads.
    """

    def __call__(
        self,
        features: Features,
        bad: BadArray,
        layout: Layout,
        params: Params,
        seed: int,
        /,
        weights: FloatArray | None = None,
    ) -> Model: ...


@dataclass(frozen=True)
class Family:
    """How models of one kind are called and fitted.

    `defaults` are the parameters that a search may set, with the values they have otherwise.
    """

    title: str
    scale: Scale
    defaults: Params
    fit: Fit
