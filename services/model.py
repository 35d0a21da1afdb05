"""The model that is served: found in the ledger or embedded in the Bento, and held for requests."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from configs.settings import Settings, load_settings
from credit.features import from_fields
from credit.package import VERSION_DIGITS, Package, PackageError
from credit.spec import Schema
from credit.underwriting import Underwriter
from services.faults import first_line
from services.fetching import fetch_package
from services.ledger import Deployment, Ledger, open_ledger
from services.ledger.challengers import Challenger, current_challenger
from services.ledger.referrals import Referral, current_referral
from services.packages import read_package
from services.request_model import ApplicationReader

# A Bento carries a package beside the folders of its code.
EMBEDDED = Path(__file__).resolve().parent.parent / "package"

LONGEST_WAIT = 60.0

SwapResult = Literal["served", "refused"]

_log = logging.getLogger(__name__)


class NoModelError(RuntimeError):
    """There is no package to serve; the message says how to get one."""


class ServedModel:
    """A package, ready to score requests."""

    def __init__(self, package: Package):
        """Load the package; raises PackageError when it does not score."""
        self.schema = package.schema
        self.digest = package.digest
        self.version = package.digest[:VERSION_DIGITS]
        self.reader = ApplicationReader(package.schema)
        self.reference = package.reference
        self.identity = {
            "dataset": package.manifest.dataset,
            "family": package.manifest.family,
            "version": self.version,
            "digest": package.digest,
        }
        try:
            self.underwriter = Underwriter(package)
            # The first run of a graph allocates; no applicant shall wait for it.
            self.underwriter.judge(from_fields({}, package.schema), "all")
        except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no other base
            raise PackageError(
                f"package {self.version} does not score: {first_line(error)}"
            ) from None


class CurrentModel:
    """The one model that serves now, or why there is none; and the challenger beside it.

    Requests read `model` once and work with what they got, so it can be replaced between any two.

    on_swap: called with "served" or "refused" and the version when another one was to take over.
    is_in_touch: whether the ledger could be read at the last look.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.referral: Referral | None = None
        self.problem = "the service is starting"
        self.is_in_touch = False
        self.on_swap: Callable[[SwapResult, str], None] = lambda result, version: None
        self._champion, self._challenger = _Place(clock), _Place(clock)
        self._settings: Settings | None = None
        self._ledger: Ledger | None = None

    @property
    def model(self) -> ServedModel | None:
        """The champion: it decides and answers."""
        return self._champion.model

    @property
    def challenger(self) -> ServedModel | None:
        """The model in the champion's shadow, where there is one."""
        return self._challenger.model

    def refresh(self) -> None:
        """Serve what the ledger names by now; where that fails, go on as before.

        A failure is kept in `problem`, logged once and tried again at a later look. A service
        without a model stays up: a lender's operator reads the reason at /health instead of
        finding a process that keeps dying.
        """
        try:
            settings, ledger = self.open()
            self.referral = current_referral(ledger, settings.dataset)
            deployment = ledger.current(settings.dataset)
            challenger = current_challenger(ledger, settings.dataset)
        except Exception as error:  # noqa: BLE001 - a service that looks no more would never know
            self.is_in_touch = False
            self._report(first_line(error))
            return
        self.is_in_touch = True
        self._follow_champion(deployment, ledger, settings)
        self._follow_challenger(challenger, settings)

    def open(self) -> tuple[Settings, Ledger]:
        """The settings and the ledger that this process works with, opened once.

        Raises:
            SettingsError: a setting is wrong.
            LedgerError: the ledger is out of reach.
        """
        self._settings = self._settings or load_settings()
        self._ledger = self._ledger or open_ledger(self._settings.ledger_uri)
        return self._settings, self._ledger

    def refresh_referral(self) -> None:
        """Read the kill switch; raises LedgerError when it cannot be read."""
        settings, ledger = self.open()
        self.referral = current_referral(ledger, settings.dataset)

    def close(self) -> None:
        """Give the ledger's connections back."""
        if self._ledger:
            self._ledger.close()

    def _follow_champion(
        self, deployment: Deployment | None, ledger: Ledger, settings: Settings
    ) -> None:
        if deployment is None and self.model:
            return  # the embedded package serves until one is deployed
        wanted = deployment.digest if deployment else ""
        before = self.model
        try:
            swapped = self._champion.follow(
                wanted, lambda: _package(deployment, ledger, settings, EMBEDDED)
            )
        except Exception as error:  # noqa: BLE001 - nothing about a new model may end the old one
            if deployment:
                self.on_swap("refused", deployment.digest[:VERSION_DIGITS])
            self._report(first_line(error))
            return
        if swapped and self.model:
            if before:
                self.on_swap("served", self.model.version)
            _log.info("version %s serves", self.model.version)
        if self.model and wanted in ("", self.model.digest):
            self.problem = ""

    def _follow_challenger(self, challenger: Challenger | None, settings: Settings) -> None:
        champion = self.model
        if champion is None or challenger is None or challenger.digest == champion.digest:
            self._challenger.leave()
            return
        try:
            self._challenger.follow(
                challenger.digest or "", lambda: _beside(challenger, champion, settings)
            )
        except Exception as error:  # noqa: BLE001 - nothing about a challenger may end the champion
            if self._challenger.tries == 1:
                _log.error("no challenger: %s", first_line(error))

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            state = f"version {self.model.version} goes on" if self.model else "not ready"
            _log.error("%s: %s", state, problem)
        self.problem = problem


class _Place:
    """Where a model stands until the ledger names another one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.model: ServedModel | None = None
        self.tries = 0
        self._clock = clock
        self._refused = ""
        self._again_at = 0.0

    def follow(self, digest: str, read: Callable[[], Package]) -> bool:
        """Put the package of this digest here, if it is another one; whether it was.

        What was refused is tried again after 2 s, 4 s and so on to a minute. Raises what `read`
        raises, and PackageError when the package does not score.
        """
        if self.model and self.model.digest == digest:
            self._refused = ""
            return False
        if digest != self._refused:
            self._refused, self.tries = digest, 0
        elif self._clock() < self._again_at:
            return False
        self.tries += 1
        self._again_at = self._clock() + min(2.0**self.tries, LONGEST_WAIT)
        self.model = ServedModel(read())
        self._refused = ""
        return True

    def leave(self) -> None:
        """Let go of the model."""
        self.model, self._refused = None, ""


def choose_package(settings: Settings, embedded: Path = EMBEDDED) -> Package:
    """The newest deployed package of the data set, or the embedded one while none is deployed.

    Raises:
        LedgerError: the ledger is out of reach.
        PackageError: the package is damaged or not the deployed one.
        NoModelError: nothing is deployed and no package is embedded.
    """
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        return _package(ledger.current(settings.dataset), ledger, settings, embedded)


def how_to_get_one(ledger: Ledger, dataset: str) -> str:
    """What to do where no model of a data set is in production."""
    now = datetime.now(UTC)
    if any(promotion.state(now) == "waiting" for promotion in ledger.promotions(dataset)):
        return "one waits for a person's decision: see `creditloop promote`"
    return f"run `creditloop train --dataset {dataset}`"


def _package(
    deployment: Deployment | None, ledger: Ledger, settings: Settings, embedded: Path
) -> Package:
    if deployment:
        return fetch_package(settings.home, deployment.uri, deployment.digest)
    if not embedded.is_dir():
        raise NoModelError(
            f"no model of {settings.dataset} is deployed; "
            f"{how_to_get_one(ledger, settings.dataset)}"
        )
    package = read_package(embedded)
    if package.manifest.dataset != settings.dataset:
        raise NoModelError(
            f"no model of {settings.dataset} is deployed, and the embedded one scores "
            f"{package.manifest.dataset}; set CREDITLOOP_DATASET={package.manifest.dataset}"
        )
    return package


def _beside(challenger: Challenger, champion: ServedModel, settings: Settings) -> Package:
    """The challenger's package; raises PackageError when it reads what the champion does not."""
    package = fetch_package(settings.home, challenger.uri or "", challenger.digest or "")
    lacking = not_read_by(champion.schema, package.schema)
    if lacking:
        raise PackageError(
            f"package {package.digest[:VERSION_DIGITS]} reads {', '.join(lacking)}, which the "
            "applications to the champion do not have; it cannot score beside it"
        )
    return package


def not_read_by(champion: Schema, challenger: Schema) -> list[str]:
    """The challenger's fields that the champion does not read as the same type."""
    known = {name: column.type for name, column in champion.fields.items()}
    return [name for name, column in challenger.fields.items() if known.get(name) != column.type]
