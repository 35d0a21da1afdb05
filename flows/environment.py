"""The process environment: nothing phones home, libraries stay quiet, Prefect lives under home.

Prefect, MLflow and TensorFlow read their variables when they are imported, so these functions
come first. What the user has set stays as it is.
"""

import os

from configs.settings import Settings

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GIT_PYTHON_REFRESH": "quiet",
    # Prefect's tasks try again by themselves; MLflow alone would for minutes before it says why.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
# Prefect's own console lines; they still go to its API, and ours come through flows.progress.
SILENT = "CRITICAL"


def set_quiet() -> None:
    """Telemetry off, chatter off."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def set_prefect(settings: Settings) -> None:
    """Prefect's files under home, and its console left to us."""
    os.environ.setdefault("PREFECT_HOME", str(settings.home / "prefect"))
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", SILENT)
