"""The BentoML service: `bentoml serve services.scorer:CreditScorer`."""

import os
from pathlib import Path

import bentoml

from configs.settings import CONFIG_VARIABLE, SettingsError, load_settings
from services.app import create_app
from services.guard import Guard
from services.ledger import LedgerError, open_ledger
from services.logs import write_json_lines
from services.observed import Observed
from services.parent import LAUNCHER, SUPERVISOR, end_with
from services.worker import Worker

_worker = Worker()


# BentoML's own metrics label by path as sent, which any client can blow up; its access log would
# double ours; and nobody collects its spans, which cost a third of a request.
@bentoml.service(
    name="CreditScorer",
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    traffic={"timeout": 60},
)
@bentoml.asgi_app(create_app(_worker), path="/")
class CreditScorer:
    """Scores credit applications with the deployed package."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def prepare() -> None:
        """Once, before the workers: fix the paths and bring the ledger up to date.

        Workers run in the folder of the code, so relative paths must become absolute here.
        """
        try:
            settings = load_settings()
            os.environ["CREDITLOOP_HOME"] = str(settings.home)
            if CONFIG_VARIABLE in os.environ:
                os.environ[CONFIG_VARIABLE] = str(Path(os.environ[CONFIG_VARIABLE]).absolute())
            open_ledger(settings.ledger_uri).close()
            end_with(LAUNCHER)
            os.environ[SUPERVISOR] = str(os.getpid())
        except (SettingsError, LedgerError) as error:
            raise SystemExit(str(error)) from None

    def __init__(self) -> None:
        end_with(SUPERVISOR)
        write_json_lines()

    def __is_ready__(self) -> bool:
        return not _worker.problem


# Here they cover BentoML's own routes too, however the service was started.
CreditScorer.add_asgi_middleware(Observed, worker=_worker)  # type: ignore[attr-defined]
CreditScorer.add_asgi_middleware(Guard, worker=_worker)  # type: ignore[attr-defined]
