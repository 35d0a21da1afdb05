"""The reason model: the margin that decides, taken apart by feature.

It is made from the fitted model, agrees with the scoring graph, and needs numpy alone. A margin
is on the family's scale before calibration: log-odds, or the forest's probability.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from credit.attribution import Attribution, Evidence, Linear, Network, Trees
from credit.binning import NumberBins
from credit.design import ScaledDesign, TreeDesign
from credit.expressions import FloatArray
from credit.features import Applications, FeatureMap, Features, Layout, Vocabulary
from credit.npz import Arrays, pack, ragged, split_ragged, unpack
from credit.package import PackageError, canonical_json
from credit.spec import Frozen, Schema
from credit.treeshap import Ensemble

FORMAT = 1
Scale = Literal["log-odds", "probability"]


class ReasonText(Frozen):
    """A text that an applicant is given, and the features that it speaks for."""

    text: str
    features: tuple[str, ...]
    counts_inquiries: bool


def reason_texts(schema: Schema) -> tuple[ReasonText, ...]:
    """Every text once, in the order of the spec: columns, then derived columns."""
    features = {*schema.number_features, *schema.category_features}
    speakers: dict[str, list[str]] = {}
    for name in (*schema.columns, *schema.derived):
        if name in features:
            speakers.setdefault(schema.feature(name).reason, []).append(name)
    return tuple(
        ReasonText(
            text=text,
            features=tuple(names),
            counts_inquiries=any(schema.feature(name).counts_inquiries for name in names),
        )
        for text, names in speakers.items()
    )


@dataclass(frozen=True)
class ReasonModel:
    """How much each feature moves a margin away from that of the approved.

    Attributes:
        centre: mean attribution of each feature over the approved applicants, and
        base: their mean margin.
        reference: one row of features: what is usual among the approved.
        quantiles: of each raw number field, ascending, without special codes and gaps; a step is
            a twentieth of the training rows.
        levels: of each raw category field, those that training rows had.
    """

    feature_map: FeatureMap
    attribution: Attribution
    scale: Scale
    centre: FloatArray
    base: float
    reference: Features
    quantiles: tuple[FloatArray, ...]
    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def from_bytes(cls, content: bytes, schema: Schema) -> "ReasonModel":
        """Read what `to_bytes` wrote.

        Raises:
            PackageError: the bytes are no reason model of this schema.
        """
        try:
            return _read(unpack(content), schema)
        except (ValueError, KeyError, IndexError, TypeError, EOFError, BadZipFile) as error:
            raise PackageError(
                f"the reason model cannot be read ({error!r}); fetch the package anew"
            ) from None

    def to_bytes(self) -> bytes:
        """An npz without pickle; the same model gives the same bytes."""
        kind = type(self.attribution)
        about = {
            "format": FORMAT,
            "kind": kind.__name__,
            "scale": self.scale,
            "base": self.base,
            "vocabulary": self.feature_map.vocabulary.levels,
            "levels": self.levels,
        }
        return pack(
            {
                "about": np.frombuffer(canonical_json(about), dtype=np.uint8),
                "centre": self.centre,
                "reference_numbers": self.reference.numbers,
                "reference_codes": self.reference.codes,
                **ragged("quantiles", self.quantiles),
                **_WRITERS[kind](self.attribution),
            }
        )

    @property
    def schema(self) -> Schema:
        """The schema of the applications it explains."""
        return self.feature_map.schema

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features in the order of the contributions: numbers, then categories."""
        return (*self.schema.number_features, *self.schema.category_features)

    @cached_property
    def texts(self) -> tuple[ReasonText, ...]:
        """The factors that can be named as reasons."""
        return reason_texts(self.schema)

    @cached_property
    def speakers(self) -> NDArray[np.bool_]:
        """Whether a factor speaks for a feature [factors, features]."""
        return np.array([[name in text.features for name in self.names] for text in self.texts])

    def features(self, applications: Applications) -> Features:
        """What the model reads of raw fields."""
        return self.feature_map(applications)

    def margin(self, features: Features) -> FloatArray:
        """The model's margin [rows]; it rises with risk."""
        return self.attribution.margin(features)

    def contributions(self, features: Features) -> FloatArray:
        """What each feature adds [rows, features]; `base` + the sum of a row is its margin.

        Centred on their mean over approved applicants, so that a positive contribution is worse
        than usual among those who were approved. A row's are the same alone and in a batch.
        """
        return self.attribution.attribute(features) - self.centre


def _read(arrays: Arrays, schema: Schema) -> ReasonModel:
    about = json.loads(arrays["about"].tobytes())
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}, this version reads {FORMAT}")
    vocabulary = Vocabulary(tuple(tuple(levels) for levels in about["vocabulary"]))
    feature_map = FeatureMap(schema, vocabulary)
    values: dict[str, Any] = dict(arrays)
    return ReasonModel(
        feature_map=feature_map,
        attribution=_READERS[about["kind"]](values, feature_map.layout),
        scale=about["scale"],
        centre=values["centre"],
        base=about["base"],
        reference=Features(values["reference_numbers"], values["reference_codes"]),
        quantiles=split_ragged(arrays, "quantiles"),
        levels=tuple(tuple(levels) for levels in about["levels"]),
    )


def _width(layout: Layout) -> int:
    return len(layout.numbers) + len(layout.categories)


def _write_evidence(model: Evidence) -> Arrays:
    return {
        "coefficients": model.coefficients,
        "intercept": np.array(model.intercept),
        **ragged("edges", [number.edges for number in model.bins]),
        **ragged("evidence", [number.evidence for number in model.bins]),
        **ragged("evidence_of_codes", model.evidence_of_codes),
    }


def _read_evidence(arrays: dict[str, Any], layout: Layout) -> Evidence:
    bins = zip(
        split_ragged(arrays, "edges"),
        [np.array(number.special_codes, dtype=np.float64) for number in layout.numbers],
        split_ragged(arrays, "evidence"),
        strict=True,
    )
    return Evidence(
        tuple(NumberBins(*number) for number in bins),
        split_ragged(arrays, "evidence_of_codes"),
        arrays["coefficients"],
        float(arrays["intercept"]),
    )


def _write_design(design: ScaledDesign) -> Arrays:
    return {
        "low": design.low,
        "high": design.high,
        "fill": design.fill,
        "gaps": np.array(design.gaps, dtype=np.int64),
        "mean": design.mean,
        "deviation": design.deviation,
    }


def _read_design(arrays: dict[str, Any], layout: Layout) -> ScaledDesign:
    return ScaledDesign(
        TreeDesign.of(layout),
        arrays["low"],
        arrays["high"],
        arrays["fill"],
        tuple(arrays["gaps"].tolist()),
        arrays["mean"],
        arrays["deviation"],
    )


def _write_linear(model: Linear) -> Arrays:
    return {
        "coefficients": model.coefficients,
        "intercept": np.array(model.intercept),
        **_write_design(model.design),
    }


def _read_linear(arrays: dict[str, Any], layout: Layout) -> Linear:
    return Linear(
        _read_design(arrays, layout),
        arrays["coefficients"],
        float(arrays["intercept"]),
        _width(layout),
    )


def _write_trees(model: Trees) -> Arrays:
    nodes = {field.name: getattr(model.ensemble, field.name) for field in fields(Ensemble)}
    return {"intercept": np.array(model.intercept), **nodes}


def _read_trees(arrays: dict[str, Any], layout: Layout) -> Trees:
    ensemble = Ensemble(**{field.name: arrays[field.name] for field in fields(Ensemble)})
    return Trees(TreeDesign.of(layout), ensemble, float(arrays["intercept"]), _width(layout))


def _write_network(model: Network) -> Arrays:
    parts = {
        "embedding": model.embeddings,
        "kernel": model.kernels,
        "bias": model.biases,
    }
    numbered = {
        f"{name}_{position}": array
        for name, several in parts.items()
        for position, array in enumerate(several)
    }
    return {**numbered, "background": model.background, **_write_design(model.design)}


def _read_network(arrays: dict[str, Any], layout: Layout) -> Network:
    def numbered(name: str) -> tuple[FloatArray, ...]:
        count = sum(key.startswith(f"{name}_") for key in arrays)
        return tuple(arrays[f"{name}_{position}"] for position in range(count))

    return Network(
        _read_design(arrays, replace(layout, categories=())),
        numbered("embedding"),
        numbered("kernel"),
        numbered("bias"),
        arrays["background"],
        _width(layout),
    )


_WRITERS: dict[type, Callable[[Any], Arrays]] = {
    Evidence: _write_evidence,
    Linear: _write_linear,
    Trees: _write_trees,
    Network: _write_network,
}
_READERS: dict[str, Callable[[dict[str, Any], Layout], Attribution]] = {
    "Evidence": _read_evidence,
    "Linear": _read_linear,
    "Trees": _read_trees,
    "Network": _read_network,
}
