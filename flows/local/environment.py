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


def set_quiet() -> None:
    """Telemetry off, chatter off."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def set_prefect_home(settings: Settings) -> None:
    """Prefect's files under home."""
    os.environ.setdefault("PREFECT_HOME", str(settings.home / "prefect"))


def set_prefect_silent() -> None:
    """Prefect's lines off the console; its API gets them, and flows.local.progress shows ours."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
