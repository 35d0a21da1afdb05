"""Reading rows and checking them at the border."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from sqlalchemy.exc import OperationalError

from configs.settings import Settings
from credit.spec import FileSource, Schema, SqlSource
from credit.splits import in_fixed_order
from credit.validation import RowsError, validate
from tasks.quarantine import write_quarantine
from tasks.sources import SourceError, fingerprint, read_rows


@dataclass(frozen=True)
class CheckedRows:
    """Validated rows, their fingerprint, and where the rejected ones lie."""

    rows: pd.DataFrame
    fingerprint: str
    rejected: int
    rejected_share: float
    quarantine: Path | None


def _is_transient(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Whether a database was out of reach; what is wrong with a file or query stays wrong."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SourceError) and isinstance(error.__context__, OperationalError)


@task(
    name="read rows",
    task_run_name="read {schema.name}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 5],
    retry_condition_fn=_is_transient,
)
def read(source: FileSource | SqlSource, schema: Schema) -> pd.DataFrame:
    """Read all rows of the source.

    Raises:
        SourceError: the source cannot be read.
    """
    frame = read_rows(source, schema)
    get_run_logger().info("%s rows read", f"{len(frame):,}")
    return frame


def quarantine_path(settings: Settings, dataset: str, run: str) -> Path:
    """Where a run's rejected rows go."""
    return settings.home / "quarantine" / f"{dataset}-{run}.csv"


@task(name="check rows", task_run_name="check {schema.name}", cache_policy=NO_CACHE)
def check(
    frame: pd.DataFrame, schema: Schema, most_rejected: float, quarantine: Path
) -> CheckedRows:
    """Validate rows and put them in order; rejected ones go to the quarantine file.

    Raises:
        RowsError: a column is missing, or a larger share than `most_rejected` was rejected; the
            quarantine file is there in the second case.
    """
    checked = validate(frame, schema)
    rejected, share = len(checked.rejected), checked.rejected_share
    path = write_quarantine(checked.rejected, quarantine) if rejected else None
    get_run_logger().info(
        "%s rows accepted, %s rejected", f"{len(checked.rows):,}", f"{rejected:,}"
    )
    if share > most_rejected:
        raise RowsError(
            f"{rejected:,} of {len(frame):,} rows ({share:.1%}) were rejected, more than "
            f"{most_rejected:.1%}; see the reasons in {path}, then mend the data, correct the "
            "spec, or raise training.most_rejected"
        )
    rows = in_fixed_order(checked.rows, schema)
    return CheckedRows(rows, fingerprint(rows), rejected, share, path)
