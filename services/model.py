"""The model that is served: found in the ledger or embedded in the Bento, and held for requests."""

import logging
from pathlib import Path

from configs.settings import Settings, SettingsError, load_settings
from credit.package import Package, PackageError
from credit.scoring import Scorer
from services.ledger import LedgerError, open_ledger
from services.packages import read_package
from services.request_model import ApplicationReader

# A Bento carries a package beside the folders of its code.
EMBEDDED = Path(__file__).resolve().parent.parent / "package"
VERSION_DIGITS = 12

_log = logging.getLogger(__name__)


class NoModelError(RuntimeError):
    """There is no package to serve; the message says how to get one."""


class ServedModel:
    """A package, ready to score requests."""

    def __init__(self, package: Package):
        """Load the package; raises PackageError when it does not score."""
        self.scorer = Scorer(package)
        self.reader = ApplicationReader(package.schema)
        self.version = package.digest[:VERSION_DIGITS]
        self.identity = {
            "dataset": package.manifest.dataset,
            "family": package.manifest.family,
            "version": self.version,
            "digest": package.digest,
        }
        # The first run of a graph allocates; no applicant shall wait for it.
        self.scorer.probability({})


class CurrentModel:
    """The one model that serves now, or why there is none.

    Requests read `model` once and work with what they got, so it can be replaced between any two.
    """

    def __init__(self) -> None:
        self.model: ServedModel | None = None
        self.problem = "the service is starting"

    def load(self) -> None:
        """Load what the settings and the ledger name; a failure is kept and logged, not raised.

        A service that cannot load its model stays up and says why: it is not ready, and a lender's
        operator reads the reason at /health instead of finding a process that keeps dying.
        """
        try:
            self.model = ServedModel(choose_package(load_settings()))
        except (SettingsError, LedgerError, PackageError, NoModelError) as error:
            self.problem = str(error)
            _log.error("not ready: %s", error)


def choose_package(settings: Settings, embedded: Path = EMBEDDED) -> Package:
    """The newest deployed package of the data set, or the embedded one while none is deployed.

    Raises:
        LedgerError: the ledger is out of reach.
        PackageError: the package is damaged or not the deployed one.
        NoModelError: nothing is deployed and no package is embedded.
    """
    ledger = open_ledger(settings.ledger_uri)
    try:
        deployment = ledger.current(settings.dataset)
    finally:
        ledger.close()
    if deployment:
        return read_package(settings.home / deployment.uri, deployment.digest)
    if not embedded.is_dir():
        raise NoModelError(
            f"no model of {settings.dataset} is deployed; "
            f"run `creditloop train --dataset {settings.dataset}`"
        )
    package = read_package(embedded)
    if package.manifest.dataset != settings.dataset:
        raise NoModelError(
            f"no model of {settings.dataset} is deployed, and the embedded one scores "
            f"{package.manifest.dataset}; set CREDITLOOP_DATASET={package.manifest.dataset}"
        )
    return package
