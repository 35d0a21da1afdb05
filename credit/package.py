"""The scorer package: what training hands to serving, as named bytes with one digest.

Nothing in it is executable Python. Its digest is the sha256 of its manifest, which lists the
sha256 of everything else, so the same data, config and lock give the same digest, and one
changed byte gives another. What depends on a clock or a run is kept beside it, never in it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ValidationError

from credit.policy import Policy
from credit.spec import Frozen, Schema

if TYPE_CHECKING:
    from credit.reference import Reference

FORMAT = 3
# So many digits of a digest tell people which version they look at.
VERSION_DIGITS = 12
MANIFEST = "MANIFEST.json"
GRAPH = "model.onnx"
SCHEMA = "schema.json"
POLICY = "policy.json"
REASONS = "reasons.npz"
REFERENCE = "reference.json"
CARD = "model_card.html"
CARD_DATA = "model_card.json"
REQUIRED = (GRAPH, SCHEMA, POLICY, REASONS, REFERENCE, CARD, CARD_DATA)


Value = TypeVar("Value")


class PackageError(ValueError):
    """Bytes that are not a package this version can serve; the message says why."""


class Manifest(Frozen):
    """What a package holds and what it was made from. All values but `files` name inputs."""

    format: Literal[3] = 3
    dataset: str
    family: str
    training_data: str
    spec: str
    config: str
    lock: str
    runtime: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Provenance:
    """What a package is made from: sha256 sums, and the versions of the scoring runtime."""

    training_data: str
    spec: str
    config: str
    lock: str
    runtime: Mapping[str, str]


@dataclass(frozen=True)
class Contents:
    """What a package is made of beside its schema.

    graph: raw fields to probability of default, as ONNX.
    reasons: the reason model, as `credit.reasoning.build_reason_model` wrote it.
    reference: what is normal, as `credit.reference.Reference.to_json` wrote it.
    card, card_data: the model card as HTML and its evidence as JSON.
    """

    graph: bytes
    policy: Policy
    reasons: bytes
    reference: bytes
    card: bytes
    card_data: bytes


@dataclass(frozen=True)
class Package:
    """A verified package: file name -> bytes, the manifest included."""

    files: Mapping[str, bytes]

    @classmethod
    def build(
        cls, schema: Schema, family: str, contents: Contents, provenance: Provenance
    ) -> "Package":
        """Put a package together."""
        files = {
            GRAPH: contents.graph,
            SCHEMA: schema_json(schema),
            POLICY: contents.policy.to_json(),
            REASONS: contents.reasons,
            REFERENCE: contents.reference,
            CARD: contents.card,
            CARD_DATA: contents.card_data,
        }
        manifest = Manifest(
            dataset=schema.name,
            family=family,
            training_data=provenance.training_data,
            spec=provenance.spec,
            config=provenance.config,
            lock=provenance.lock,
            runtime=dict(provenance.runtime),
            files={name: sha256(content) for name, content in files.items()},
        )
        return cls({**files, MANIFEST: canonical_json(manifest.model_dump())})

    @classmethod
    def from_files(
        cls, files: Mapping[str, bytes], expected_digest: str | None = None
    ) -> "Package":
        """Take bytes from outside, checking every one of them.

        Raises:
            PackageError: a file is missing, changed or not listed, the format is not known, or
                the digest is not the expected one.
        """
        if MANIFEST not in files:
            raise PackageError(
                f"{MANIFEST} is missing: this is no package; train again or fetch it anew"
            )
        package = cls(dict(files))
        if expected_digest and package.digest != expected_digest:
            raise PackageError(
                f"package digest is {package.digest}, expected {expected_digest}; fetch it anew"
            )
        package._check_files()
        return package

    @cached_property
    def digest(self) -> str:
        """The package's identity: 64 hexadecimal digits."""
        return sha256(self.files[MANIFEST])

    @cached_property
    def manifest(self) -> Manifest:
        """The parsed manifest."""
        try:
            return Manifest.model_validate_json(self.files[MANIFEST])
        except ValidationError as error:
            detail = error.errors()[0]
            where = ".".join(map(str, detail["loc"])) or "content"
            raise PackageError(
                f"{MANIFEST}: {where}: {detail['msg']}; this version reads format {FORMAT}, "
                "so train again"
            ) from None

    @cached_property
    def schema(self) -> Schema:
        """The schema of the applications it scores."""
        return self._read(SCHEMA, Schema.model_validate_json)

    @cached_property
    def policy(self) -> Policy:
        """The policy that applications are decided by."""
        return self._read(POLICY, Policy.from_json)

    @cached_property
    def reference(self) -> "Reference":
        """What is normal for the champion."""
        from credit.reference import Reference  # it needs this module, and a service no drift

        return self._read(REFERENCE, Reference.from_json)

    @property
    def graph(self) -> bytes:
        """The ONNX graph."""
        return self.files[GRAPH]

    @property
    def reasons(self) -> bytes:
        """The reason model."""
        return self.files[REASONS]

    @property
    def card(self) -> bytes:
        """The model card as HTML."""
        return self.files[CARD]

    @property
    def card_data(self) -> bytes:
        """The model card's evidence as JSON."""
        return self.files[CARD_DATA]

    def _read(self, name: str, read: Callable[[bytes], Value]) -> Value:
        try:
            return read(self.files[name])
        except ValidationError as error:
            fault = error.errors()[0]["msg"]
            raise PackageError(f"{name}: {fault}; fetch the package anew") from None

    def _check_files(self) -> None:
        listed, present = self.manifest.files, self.files.keys() - {MANIFEST}
        for name in sorted({*listed, *present, *REQUIRED}):
            if name not in present:
                raise PackageError(f"{name} is missing from the package; fetch it anew")
            if name not in listed:
                raise PackageError(
                    f"{name} is not in the manifest; remove it or fetch the package anew"
                )
            if sha256(self.files[name]) != listed[name]:
                raise PackageError(
                    f"{name} does not match its sha256 in the manifest; fetch the package anew"
                )


def schema_json(schema: Schema) -> bytes:
    """The schema as a package keeps it, without a source: that may name a host or a folder.

    The columns keep their order, because the graph's inputs follow it.
    """
    return (schema.model_dump_json(include=set(Schema.model_fields), indent=1) + "\n").encode()


def sha256(content: bytes) -> str:
    """The sha256 of bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: object) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return (
        json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()
