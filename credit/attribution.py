"""How each kind of model hands its margin out among its features.

Every kind gives values [rows, features] whose sum differs from the margin by a constant, the same
for all rows, and needs numpy alone. None of them depends on what other rows stand in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from credit.binning import NumberBins
from credit.design import ScaledDesign, TreeDesign
from credit.expressions import FloatArray
from credit.features import Features
from credit.treeshap import Ensemble, IndexArray, SingleArray

# Below this rise, rounding would decide on a slope.
SMALLEST_RISE = 1e-9


class Attribution(Protocol):
    """A margin that can be taken apart."""

    def margin(self, features: Features) -> FloatArray:
        """The margin [rows]."""

    def attribute(self, features: Features) -> FloatArray:
        """What each feature adds [rows, features], up to a constant."""


@dataclass(frozen=True)
class Evidence:
    """The scorecard: coefficient x weight of evidence of each feature."""

    bins: tuple[NumberBins, ...]
    evidence_of_codes: tuple[FloatArray, ...]
    coefficients: FloatArray
    intercept: float

    def margin(self, features: Features) -> FloatArray:
        return np.asarray(self.attribute(features).sum(axis=1) + self.intercept)

    def attribute(self, features: Features) -> FloatArray:
        values = np.empty((len(features), len(self.coefficients)))
        for position, number in enumerate(self.bins):
            values[:, position] = number.transform(features.numbers[:, position])
        for position, evidence in enumerate(self.evidence_of_codes):
            values[:, len(self.bins) + position] = evidence[features.codes[:, position]]
        return values * self.coefficients


@dataclass(frozen=True)
class Linear:
    """Coefficients on a design's columns, added up by the feature that a column comes from."""

    design: ScaledDesign
    coefficients: FloatArray
    intercept: float
    features: int

    def margin(self, features: Features) -> FloatArray:
        weighted = self.design.matrix(features) * self.coefficients
        return np.asarray(weighted.sum(axis=1) + self.intercept)

    def attribute(self, features: Features) -> FloatArray:
        weighted = self.design.matrix(features) * self.coefficients
        return _by_owner(weighted, self.design.features, self.features)


@dataclass(frozen=True)
class Trees:
    """A sum over trees, by exact path-dependent SHAP."""

    design: TreeDesign
    ensemble: Ensemble
    intercept: float
    features: int

    def margin(self, features: Features) -> FloatArray:
        return self.ensemble.total(self._matrix(features)) + self.intercept

    def attribute(self, features: Features) -> FloatArray:
        values = np.empty((len(features), self.features))
        for position, row in enumerate(self._matrix(features)):
            values[position] = self.ensemble.attribute(row, self._owners, self.features)
        return values

    @cached_property
    def _owners(self) -> IndexArray:
        return np.array(self.design.features, dtype=np.int32)

    def _matrix(self, features: Features) -> SingleArray:
        return self.design.matrix(features).astype(np.float32)


@dataclass(frozen=True)
class Network:
    """Rectified layers over scaled numbers and embedded codes, by DeepLIFT's rescale rule.

    Differences are taken from fixed background rows and averaged, so nothing is drawn and they
    add up exactly. Shrikumar et al. (2017), Learning Important Features Through Propagating
    Activation Differences; Lundberg and Lee (2017) average over backgrounds.

    background: inputs of the first layer [rows, inputs].
    """

    design: ScaledDesign
    embeddings: tuple[FloatArray, ...]
    kernels: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    background: FloatArray
    features: int

    def margin(self, features: Features) -> FloatArray:
        return self._run(self.inputs(features))[-1][:, 0]

    def attribute(self, features: Features) -> FloatArray:
        inputs = self.inputs(features)
        values = np.array([self._attribute_row(row) for row in inputs]).reshape(inputs.shape)
        return _by_owner(values, self._owners, self.features)

    def inputs(self, features: Features) -> FloatArray:
        """What the first layer reads [rows, inputs]."""
        embedded = [
            vectors[codes] for vectors, codes in zip(self.embeddings, features.codes.T, strict=True)
        ]
        return np.hstack([self.design.matrix(features), *embedded])

    def _run(self, signal: FloatArray) -> list[FloatArray]:
        """What each layer gives [rows, units] before it is rectified."""
        given: list[FloatArray] = []
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            given.append(signal @ kernel + bias)
            signal = np.maximum(given[-1], 0.0)
        return given

    def _attribute_row(self, row: FloatArray) -> FloatArray:
        here = self._run(row[np.newaxis])
        multiplier = self.kernels[-1].T
        for layer in reversed(range(len(self.kernels) - 1)):
            slope = _slope(here[layer], self._background_run[layer])
            multiplier = (multiplier * slope) @ self.kernels[layer].T
        return np.asarray((multiplier * (row - self.background)).mean(axis=0))

    @cached_property
    def _background_run(self) -> list[FloatArray]:
        return self._run(self.background)

    @cached_property
    def _owners(self) -> tuple[int, ...]:
        owners = list(self.design.features)
        first = self.features - len(self.embeddings)
        for position, vectors in enumerate(self.embeddings):
            owners += [first + position] * vectors.shape[1]
        return tuple(owners)


def _slope(here: FloatArray, there: FloatArray) -> FloatArray:
    """Rise of the rectified value per rise of the value; its derivative where there is no rise."""
    rise = here - there
    is_flat = np.abs(rise) < SMALLEST_RISE
    rectified = np.maximum(here, 0.0) - np.maximum(there, 0.0)
    return np.where(is_flat, here > 0, rectified / np.where(is_flat, 1.0, rise))


def _by_owner(values: FloatArray, owners: Sequence[int], width: int) -> FloatArray:
    """Columns added up by the feature that owns them, one after the other."""
    sums = np.zeros((len(values), width))
    for column, owner in enumerate(owners):
        sums[:, owner] += values[:, column]
    return sums
