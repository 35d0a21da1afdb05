"""Replay: recomputing stored decisions from their fields, with the package that decided."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError

from configs.settings import Settings
from credit.package import VERSION_DIGITS, Package, PackageError
from credit.underwriting import Ask, Judgement, Underwriter
from services.application import stored_applications
from services.deciding import judged
from services.fetching import fetch_package
from services.ledger import Ledger
from services.ledger.chain import payload_hash
from services.ledger.decisions import StoredDecision
from services.ledger.locations import package_uris
from services.model import EMBEDDED
from services.packages import read_package


@dataclass(frozen=True)
class Verified:
    """What a replay found of a decision: no differences, and it came out the same.

    was_purged: there is nothing left to recompute it from.
    """

    id: UUID
    differences: tuple[str, ...] = ()
    was_purged: bool = False


class Payload(BaseModel):
    """What a replay needs of a stored payload; `services.deciding` writes it."""

    fields: dict[str, Any]
    ask: Ask
    referred: bool
    answer: dict[str, Any]


class Verifier:
    """Recomputes the decisions of one package."""

    def __init__(self, package: Package):
        """Load a package; raises PackageError when a part of it cannot be read."""
        self.other_versions = _other_versions(package)
        self._schema = package.schema
        self._underwriter = Underwriter(package)

    def verify(self, stored: Sequence[StoredDecision]) -> list[Verified]:
        """Recompute decisions of this package, in their order."""
        found: dict[UUID, Verified] = {}
        intact: dict[Ask, list[tuple[StoredDecision, Payload]]] = {}
        for each in stored:
            payload = _read(each)
            if isinstance(payload, Verified):
                found[each.id] = payload
            else:
                intact.setdefault(payload.ask, []).append((each, payload))
        for ask, cases in intact.items():
            found.update((result.id, result) for result in self._replay(cases, ask))
        return [found[each.id] for each in stored]

    def _replay(
        self, cases: Sequence[tuple[StoredDecision, Payload]], ask: Ask
    ) -> Iterator[Verified]:
        try:
            applications = stored_applications([case.fields for _, case in cases], self._schema)
            judgements = self._underwriter.judge(applications, ask)
        except (TypeError, ValueError) as error:
            if len(cases) == 1:
                yield Verified(cases[0][0].id, (f"its fields cannot be scored: {error}",))
                return
            # Whichever it is, the others can be.
            for case in cases:
                yield from self._replay([case], ask)
            return
        for (stored, payload), judgement in zip(cases, judgements, strict=True):
            yield Verified(stored.id, tuple(_differences(stored, payload, judgement)))


class Replay:
    """Verifies decisions of many packages, each of which is loaded once."""

    def __init__(self, find_package: Callable[[str], Package]):
        """Take what finds a package by its digest, or raises PackageError."""
        self._find_package = find_package
        self._verifiers: dict[str, Verifier | PackageError] = {}

    def verify(self, stored: Iterable[StoredDecision]) -> Iterator[Verified]:
        """Recompute decisions; those whose package cannot be had differ by that."""
        by_digest: dict[str, list[StoredDecision]] = {}
        for each in stored:
            by_digest.setdefault(each.digest, []).append(each)
        for digest, group in by_digest.items():
            verifier = self._verifier(digest)
            if isinstance(verifier, Verifier):
                yield from verifier.verify(group)
            else:
                yield from (_without_package(each, verifier) for each in group)

    @property
    def other_versions(self) -> dict[str, str]:
        """Version of a package -> where its runtime differs from this one's."""
        return {
            digest[:VERSION_DIGITS]: verifier.other_versions
            for digest, verifier in self._verifiers.items()
            if isinstance(verifier, Verifier) and verifier.other_versions
        }

    def _verifier(self, digest: str) -> Verifier | PackageError:
        if digest not in self._verifiers:
            try:
                self._verifiers[digest] = Verifier(self._find_package(digest))
            except PackageError as error:
                self._verifiers[digest] = error
        return self._verifiers[digest]


def verify_decision(stored: StoredDecision, package: Package) -> list[str]:
    """What differs between a decision as it is stored and as it comes out now.

    A purged decision has nothing that could differ.

    Raises:
        PackageError: a part of the package cannot be read.
    """
    (verified,) = Verifier(package).verify([stored])
    return list(verified.differences)


def package_finder(settings: Settings, ledger: Ledger) -> Callable[[str], Package]:
    """What finds any package by its digest: a kept one, else the one that the ledger locates.

    It raises PackageError where there is none or it is damaged.
    """

    def find(digest: str) -> Package:
        kept = settings.packages / digest
        if kept.is_dir():
            return read_package(kept, digest)
        uris = package_uris(ledger, digest)
        if not uris and EMBEDDED.is_dir():
            return read_package(EMBEDDED, digest)
        if not uris:
            raise PackageError(
                f"package {digest[:VERSION_DIGITS]} is not under {settings.packages} and was never "
                "deployed from elsewhere; bring it back there"
            )
        return fetch_package(settings.home, uris[0], digest)

    return find


def _read(stored: StoredDecision) -> Payload | Verified:
    """The payload of a decision, or what there is to say without it."""
    if stored.payload is None:
        return Verified(stored.id, was_purged=True)
    if payload_hash(stored.payload) != stored.payload_hash:
        return Verified(stored.id, ("its payload does not match its hash: it was changed",))
    try:
        return Payload.model_validate_json(stored.payload)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "content"
        return Verified(stored.id, (f"its payload cannot be read: {where}: {fault['msg']}",))


def _differences(stored: StoredDecision, payload: Payload, judgement: Judgement) -> Iterator[str]:
    answer = payload.answer
    row = {
        "id": stored.id,
        "application_id": stored.application_id,
        "decided_at": stored.at,
        "decision": stored.decision,
        "score": stored.score,
        "probability_of_default": stored.probability,
    }
    for name, value in _plain(row).items():
        if answer.get(name) != value:
            yield f"{name}: the row has {value!r}, its payload {answer.get(name)!r}"
    if answer.get("model", {}).get("digest") != stored.digest:
        yield "model: the row and its payload name different ones"
    for name, value in _plain(judged(judgement, payload.referred)).items():
        if answer.get(name) != value:
            yield f"{name}: stored {answer.get(name)!r}, recomputed {value!r}"


def _plain(values: Mapping[str, object]) -> dict[str, Any]:
    """As it comes back from JSON."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(values))
    return plain


def _without_package(stored: StoredDecision, error: PackageError) -> Verified:
    if stored.payload is None:
        return Verified(stored.id, was_purged=True)
    return Verified(stored.id, (f"it cannot be recomputed: {error}",))


def _other_versions(package: Package) -> str:
    """Where the packages that compute differ from those that the package was made with."""
    return ", ".join(
        f"{name} {version(name)} instead of {wanted}"
        for name, wanted in package.manifest.runtime.items()
        if version(name) != wanted
    )
