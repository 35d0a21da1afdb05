"""The rows of a retraining: those of the data set, and the ledger's decisions that have matured."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from credit.features import Applications, from_frame
from credit.labels import Labels, label
from credit.package import sha256
from credit.spec import DatasetSpec, Schema
from credit.splits import fixed_order
from credit.validation import validate
from services.fetching import fetch_package
from services.ledger import Deployment, Ledger
from services.ledger.matured import Case, has_matured, read_cases, read_matured
from services.ledger.reports import newest_drift_report
from services.ledger.retraining import first_deployed
from tasks.data import CheckedRows
from tasks.sources import fingerprint

# What is known of each row goes along with it into the fixed order; no column has a colon.
BAD, MATURED, NEWEST = "creditloop:bad", "creditloop:matured", "creditloop:newest"
# What a recalibrated package's card says of its origin; `of` is the digest of what was trained.
RECALIBRATED = "recalibrated"

LIMITS = (
    "Outcomes exist only for applications that were approved, by a model or a person, and nothing "
    "is known of the others. What is measured on the rows of the ledger holds for applicants whom "
    "the champions would approve: AUC and Gini are lower there than among all, for the worst risks "
    "are missing; the bad rate and the calibration say nothing of who was declined; and a model "
    "that learned from them is least sure where no champion approved anybody."
)


@dataclass(frozen=True)
class Newly:
    """What has matured since the champion was trained: how many rows, and how many are bad."""

    outcomes: int
    bads: int


@dataclass(frozen=True)
class Assembled:
    """All rows of a retraining, in one fixed order.

    newest: which of them have matured since the champion was trained [rows].
    added: how many are the ledger's. set_aside: how many of the ledger's could not be used.
    """

    checked: CheckedRows
    labels: Labels
    newest: NDArray[np.bool_]
    added: int
    set_aside: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the documents should know."""
        if not self.added:
            return ()
        aside = f"; {self.set_aside:,} more could not be used" if self.set_aside else ""
        rows = f"Matured decisions of the ledger among the rows: {self.added:,}{aside}."
        return rows, LIMITS


def horizon_months(schema: Schema, settings: Settings) -> int:
    """How long after a decision its outcome counts."""
    return schema.bad.horizon_months or settings.monitoring.horizon_months


def trained_at(ledger: Ledger, settings: Settings, current: Deployment) -> datetime:
    """When the champion was last trained: a recalibration learns the level of risk alone.

    Raises:
        PackageError: its package cannot be read.
        LedgerError: the ledger cannot be read.
    """
    package = fetch_package(settings.home, current.uri, current.digest)
    digest = json.loads(package.card_data).get(RECALIBRATED, {}).get("of", current.digest)
    return first_deployed(ledger, current.dataset, digest)


def newest_applications(
    ledger: Ledger, spec: Schema, settings: Settings, now: datetime
) -> Applications | None:
    """All applications of the newest window, approved or not: what is normal after a retraining.

    None where they are too few to be a reference.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    report = newest_drift_report(ledger, spec.name)
    hours = timedelta(hours=settings.monitoring.window_hours)
    since = report.window_start if report else now - hours
    cases = [
        case
        for some in read_cases(ledger, spec.name, since, now)
        for case in some
        if case.payload is not None
    ]
    rows = _typed(cases, spec)
    return from_frame(rows, spec) if len(rows) >= settings.drift.fewest_rows else None


def newly_matured(
    ledger: Ledger, spec: DatasetSpec, settings: Settings, since: datetime | None, now: datetime
) -> Newly:
    """Count what has matured since the champion was trained; raises LedgerError."""
    months = horizon_months(spec, settings)
    outcomes = bads = 0
    for cases in read_matured(ledger, spec.name, months, now, since):
        outcomes += len(cases)
        bads += sum(bool(case.bad) for case in cases)
    return Newly(outcomes, bads)


@task(name="assemble rows", task_run_name="assemble {spec.name}", cache_policy=NO_CACHE)
def assemble(
    old: CheckedRows,
    spec: DatasetSpec,
    ledger: Ledger,
    settings: Settings,
    since: datetime | None,
    now: datetime,
) -> Assembled:
    """Put the data set's rows and all matured decisions together.

    Args:
        old: the data set's rows.
        spec: by which both are read.
        ledger: where the decisions are.
        settings: how long outcomes take, where the spec does not say.
        since: when the champion was trained; what matured later is the newest slice.
        now: what matures later does not count.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    months = horizon_months(spec, settings)
    cases = [
        case
        for some in read_matured(ledger, spec.name, months, now)
        for case in some
        if case.payload is not None
    ]
    labels = label(old.rows, spec)
    before = old.rows.assign(**{BAD: labels.bad, MATURED: labels.matured, NEWEST: False})
    added = _typed(cases, spec)
    is_new = [since is None or not has_matured(case.at, months, since) for case in cases]
    after = _with_outcomes(added, cases, is_new, old.rows, spec)
    both = pd.concat([before, after], ignore_index=True) if len(after) else before
    rows, known = both.drop(columns=[BAD, MATURED, NEWEST]), both[[BAD, MATURED, NEWEST]]
    order = fixed_order(rows, spec)
    rows, known = rows.iloc[order].reset_index(drop=True), known.iloc[order]
    bad = known[BAD].to_numpy(dtype=np.int8)
    get_run_logger().info(
        "%s rows of the data set and %s of the ledger", f"{len(before):,}", f"{len(after):,}"
    )
    content = sha256(f"{fingerprint(rows)}{sha256(bad.tobytes())}".encode())
    checked = CheckedRows(
        rows,
        content if len(after) else old.fingerprint,
        old.rejected,
        old.rejected_share,
        old.quarantine,
    )
    return Assembled(
        checked,
        Labels(bad, known[MATURED].to_numpy(dtype=bool)),
        known[NEWEST].to_numpy(dtype=bool),
        added=len(after),
        set_aside=len(cases) - len(after),
    )


def _typed(cases: Iterable[Case], spec: Schema) -> pd.DataFrame:
    """The fields that were decided on, as the spec has them now; the index is the case's place."""
    fields = [dict(case.fields or {}) for case in cases]
    frame = pd.DataFrame(fields).reindex(columns=list(spec.fields))
    if frame.empty:
        return frame
    checked = validate(frame, spec, outcomes=False)
    is_sound = ~np.isin(np.arange(1, len(frame) + 1), checked.rejected["row"].to_numpy())
    return checked.rows.set_axis(np.flatnonzero(is_sound), axis=0)


def _with_outcomes(
    added: pd.DataFrame,
    cases: list[Case],
    is_new: list[bool],
    old: pd.DataFrame,
    spec: Schema,
) -> pd.DataFrame:
    """The ledger's rows with what the spec's other columns say of them, as far as it is known."""
    kept = [cases[place] for place in added.index]
    columns: dict[str, Any] = {
        BAD: [int(bool(case.bad)) for case in kept],
        MATURED: True,
        NEWEST: [is_new[place] for place in added.index],
    }
    if spec.id:
        columns[spec.id] = [str(case.id) for case in kept]
    if spec.time and spec.time not in added.columns:
        days = pd.to_datetime([case.at.date() for case in kept])
        columns[spec.time] = days.astype("datetime64[us]")
    absent = {name: None for name in old.columns if name not in {*added.columns, *columns}}
    whole = added.reset_index(drop=True).assign(**absent, **columns)
    return whole.astype({name: old[name].dtype for name in absent})
