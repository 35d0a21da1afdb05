"""What the command line says: results on stdout, everything else on stderr, errors in one line."""

import json
import sys
from typing import Any

from pydantic import BaseModel
from rich.console import Console

from configs.urls import without_credentials

NO, MISUSED = 1, 2

# Module -> its errors that have a clear message, and the exit code each leads to. Only modules
# that are loaded are asked: an error cannot come from another, and loading all takes seconds.
KNOWN_ERRORS: dict[str, dict[str, int]] = {
    "builtins": {"OSError": MISUSED},  # a file that may not be read or written
    "configs.settings": {"SettingsError": MISUSED},
    "credit.spec": {"SpecError": MISUSED},
    "credit.plan": {"PlanError": MISUSED},
    "credit.validation": {"RowsError": MISUSED},
    "credit.splits": {"SplitError": MISUSED},
    "credit.training": {"TrainingError": MISUSED},
    "credit.groups": {"GroupError": MISUSED},
    "credit.explanation": {"ExplanationError": NO},
    "tasks.documents.figures": {"DocumentError": NO},
    "tasks.tracking": {"TrackingError": NO},
    "tasks.sources": {"SourceError": MISUSED},
    "flows.commands.errors": {"UsageError": MISUSED},
    "credit.package": {"PackageError": NO},
    "services.ledger": {"LedgerError": NO},
    "services.keys": {"KeyRefusedError": NO},
    "services.model": {"NoModelError": NO},
    "services.serve": {"ServiceError": NO},
    "services.bento": {"BentoError": NO},
    "flows.local.processes": {"ProcessError": NO},
    "mlflow.exceptions": {"MlflowException": NO},
}


def stderr() -> Console:
    """The console for people: progress, tables and errors that accompany a result."""
    return Console(stderr=True, highlight=False)


def stdout() -> Console:
    """The console for results."""
    return Console(highlight=False)


def print_json(result: object) -> None:
    """One object on stdout, and nothing else there."""
    sys.__stdout__.write(json.dumps(_plain(result), indent=1, ensure_ascii=False) + "\n")
    sys.__stdout__.flush()


def exit_code(error: BaseException) -> int | None:
    """The exit code of an error with a clear message; None for any other, which is a bug."""
    for module, errors in KNOWN_ERRORS.items():
        if module in sys.modules:
            for name, code in errors.items():
                if isinstance(error, getattr(sys.modules[module], name)):
                    return code
    return None


def one_line(error: BaseException) -> str:
    """An error's message without line breaks, and without what opens a server."""
    message = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{error.filename}: {error.strerror}"
    return without_credentials(" ".join(message.split()))


def _plain(result: object) -> Any:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    return result
