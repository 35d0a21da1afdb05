"""The model that is served: found in the ledger or embedded in the Bento, and held for requests."""

import logging
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from configs.settings import Settings, load_settings
from credit.features import from_fields
from credit.package import VERSION_DIGITS, Package, PackageError
from credit.underwriting import Underwriter
from services.ledger import Deployment, Ledger, open_ledger
from services.ledger.referrals import Referral, current_referral
from services.packages import read_package
from services.request_model import ApplicationReader

# A Bento carries a package beside the folders of its code.
EMBEDDED = Path(__file__).resolve().parent.parent / "package"

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
            raise PackageError(f"package {self.version} does not score: {_line(error)}") from None


class CurrentModel:
    """The one model that serves now, or why there is none.

    Requests read `model` once and work with what they got, so it can be replaced between any two.
    """

    def __init__(self) -> None:
        self.model: ServedModel | None = None
        self.referral: Referral | None = None
        self.problem = "the service is starting"
        self._settings: Settings | None = None
        self._ledger: Ledger | None = None

    def refresh(self) -> None:
        """Serve what the ledger names by now; where that fails, go on as before.

        A failure is kept in `problem`, logged once and tried again at the next look. A service
        without a model stays up: a lender's operator reads the reason at /health instead of
        finding a process that keeps dying.
        """
        try:
            self._follow_ledger()
        except Exception as error:  # noqa: BLE001 - nothing about a new model may end the old one
            self._report(_line(error))
        else:
            self.problem = ""

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

    def _follow_ledger(self) -> None:
        settings, ledger = self.open()
        self.referral = current_referral(ledger, settings.dataset)
        deployment = ledger.current(settings.dataset)
        if self.model and (deployment is None or deployment.digest == self.model.digest):
            return
        self.model = ServedModel(_package(deployment, ledger, settings, EMBEDDED))
        _log.info("version %s serves", self.model.version)

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            state = f"version {self.model.version} goes on" if self.model else "not ready"
            _log.error("%s: %s", state, problem)
        self.problem = problem


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
        return read_package(settings.home / deployment.uri, deployment.digest)
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


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
