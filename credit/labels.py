"""Labels: which rows are bad, and from when that may be known."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from credit.spec import EventWithinHorizon, Schema, TargetIsBad
from credit.validation import equals

# 1 for a bad row, 0 for a good one.
BadArray: TypeAlias = NDArray[np.int8]


@dataclass(frozen=True)
class Labels:
    """For each row whether it is bad (1) or good (0), and whether its outcome has matured.

    The label of a row that has not matured says nothing and must not be used.
    """

    bad: BadArray
    matured: NDArray[np.bool_]


def label(rows: pd.DataFrame, spec: Schema) -> Labels:
    """Apply the spec's bad definition to validated rows.

    >>> spec = Schema.model_validate({
    ...     "name": "tiny", "time": "opened",
    ...     "bad": {"event": "charged_off", "event_date": "known_at", "horizon_months": 12,
    ...             "observed_until": "2024-06-30"},
    ...     "columns": {"income": {"type": "number"}}})
    >>> rows = pd.DataFrame({
    ...     "opened": pd.to_datetime(["2023-01-01", "2023-01-01", "2024-01-01"]),
    ...     "charged_off": ["1", "1", "0"],
    ...     "known_at": pd.to_datetime(["2023-10-01", "2024-03-01", "2024-06-01"])})
    >>> labels = label(rows, spec)
    >>> labels.bad.tolist(), labels.matured.tolist()
    ([1, 0, 0], [True, True, False])
    """
    if isinstance(spec.bad, TargetIsBad):
        bad = equals(rows[spec.bad.target], spec.bad.bad_value)
        return Labels(bad.astype(np.int8), np.ones(len(rows), dtype=bool))
    return _label_by_event(rows, spec, spec.bad)


def _label_by_event(rows: pd.DataFrame, spec: Schema, bad: EventWithinHorizon) -> Labels:
    deadline = rows[spec.time] + pd.DateOffset(months=bad.horizon_months)
    observed_until = (
        pd.Timestamp(bad.observed_until) if bad.observed_until else rows[bad.event_date].max()
    )
    happened = equals(rows[bad.event], bad.event_value)
    in_time = (rows[bad.event_date] <= deadline).to_numpy()
    return Labels((happened & in_time).astype(np.int8), (deadline <= observed_until).to_numpy())
