"""Evidently's page of a window: it shows what our own statistics have decided on.

A package has no rows of its reference, so those of the page are made from its profiles: each value
stands for a bin, as often as the bin has rows. Columns are shown one by one, as they are judged.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from configs.settings import Settings
from credit.expressions import FloatArray
from credit.features import MISSING, TextArray
from credit.package import VERSION_DIGITS
from credit.plan import DriftPlan
from credit.policy import DECISIONS
from credit.profiles import CategoryProfile, ColumnProfile, NumberProfile
from credit.reference import DECISION, PROBABILITY, Columns, Reference
from tasks.files import OWNER, replacing
from tasks.monitoring.drift import DriftCheck

ROWS = 5_000
OTHER, NO_VALUE = "(rare or new)", "(missing)"
# About 4 MB each. The reports themselves stay in the ledger.
PAGES_KEPT = 90


@task(name="draw drift page", cache_policy=NO_CACHE)
def draw_page(check: DriftCheck, reference: Reference, settings: Settings) -> Path | None:
    """Write the page of a window; none where nothing can be shown.

    Only the owner may read it: rare values may tell of persons.
    """
    before, now = frames(reference, check.sample)
    if before.empty or now.empty:
        return None
    folder = settings.home / "monitoring" / check.window.dataset
    version = check.window.digest[:VERSION_DIGITS]
    path = folder / f"{check.window.end:%Y-%m-%dT%H%M%SZ}-{version}.html"
    with replacing(path, OWNER) as file:
        file.write(_html(before, now, settings.drift))
    for old in sorted(folder.glob("*.html"))[:-PAGES_KEPT]:
        old.unlink(missing_ok=True)
    return path


def frames(reference: Reference, sample: Columns) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference and window as Evidently takes them: a column that it cannot take is in neither."""
    rows = min(ROWS, reference.rows)
    profiles: dict[str, ColumnProfile] = {**reference.columns, PROBABILITY: reference.probability}
    before: dict[str, object] = {}
    now: dict[str, object] = {}
    for name, profile in profiles.items():
        if name in sample:
            before[name] = rebuilt(profile, rows)
            now[name] = _shown(profile, sample[name])
    if DECISION in sample:
        counts = np.array([reference.decisions[name] for name in DECISIONS], dtype=np.float64)
        before[DECISION] = spread(np.array(DECISIONS, dtype=object), counts, rows)
        now[DECISION] = sample[DECISION]
    both = pd.DataFrame(before), pd.DataFrame(now)
    usable = [name for name in before if all(frame[name].notna().any() for frame in both)]
    return both[0][usable], both[1][usable]


def rebuilt(profile: ColumnProfile, rows: int) -> FloatArray | TextArray:
    """Values that fill the profile's bins as the reference does [rows]."""
    if isinstance(profile, CategoryProfile):
        names = np.array([OTHER, NO_VALUE, *profile.levels], dtype=object)
        return spread(names, profile.counts, rows)
    means = np.divide(
        profile.sums,
        profile.counts,
        out=np.zeros_like(profile.sums),
        where=profile.counts > 0,
    )
    means[0] = np.nan
    return spread(means, profile.counts, rows)


def spread(values: np.ndarray, counts: FloatArray, rows: int) -> np.ndarray:
    """Each value as often as its share of the counts says [rows].

    >>> spread(np.array([1.0, 2.0]), np.array([30.0, 10.0]), 4)
    array([1., 1., 1., 2.])
    """
    if not counts.sum():
        return np.full(rows, np.nan)
    ends = np.rint(np.cumsum(counts) / counts.sum() * rows).astype(np.int64)
    return np.repeat(values, np.diff(ends, prepend=0))


def _shown(profile: ColumnProfile, values: FloatArray | TextArray) -> FloatArray | TextArray:
    if isinstance(profile, NumberProfile):
        return np.where(np.isfinite(values.astype(np.float64)), values, np.nan)
    known: Mapping[object, str] = {**{level: level for level in profile.levels}, MISSING: NO_VALUE}
    return np.array([known.get(text, OTHER) for text in values.tolist()], dtype=object)


def _html(before: pd.DataFrame, now: pd.DataFrame, plan: DriftPlan) -> str:
    # Evidently asks this before it counts its users.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [name for name in before if pd.api.types.is_float_dtype(before[name])]
    categories = [name for name in before if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    preset = DataDriftPreset(
        num_method="ks",
        cat_method="chisquare",
        num_threshold=plan.significance,
        cat_threshold=plan.significance,
        drift_share=plan.most_drifted,
    )
    shown = Report([preset]).run(
        Dataset.from_pandas(now, data_definition=definition),
        Dataset.from_pandas(before, data_definition=definition),
    )
    return str(shown.get_html_str(as_iframe=False))
