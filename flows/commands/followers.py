"""Who follows the ledger: MLflow's alias, and runs that wait in Prefect."""

from collections.abc import Sequence

from configs.settings import Settings
from credit.package import VERSION_DIGITS
from services.ledger import Deployment, Ledger, Promotion
from services.promoting import resume_ended


def follow(
    ledger: Ledger, dataset: str, waited: Sequence[Promotion], settings: Settings
) -> list[str]:
    """Let MLflow's alias and Prefect's suspended runs follow the ledger.

    The ledger has decided by then, so neither can fail the command.

    Args:
        ledger: where the decision stands.
        dataset: whose model in production or promotions have changed.
        waited: the promotions that waited before.
        settings: where MLflow is.

    Returns:
        A sentence for each that could not follow.
    """
    current = ledger.current(dataset)
    note = _name_champion(current, settings) if current else ""
    return [*([note] if note else []), *resume_ended(ledger, dataset, waited)]


def _name_champion(current: Deployment, settings: Settings) -> str:
    try:
        from tasks.tracking import CHAMPION, TrackingError, follow_ledger
    except ImportError:
        return "MLflow is not installed here; its alias follows with the next training"
    try:
        version = follow_ledger(current.dataset, current.digest, settings)
    except TrackingError as error:
        return f"MLflow's alias {CHAMPION} stays behind: {error}"
    if version is None:
        return f"MLflow has no version of {current.digest[:VERSION_DIGITS]}; its alias stays"
    return ""
