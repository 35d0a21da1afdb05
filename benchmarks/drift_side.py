"""One check of a window against a reference, alone in its process.

`python -m benchmarks.drift_side SIDE REFERENCE WINDOW GROUPS` prints seconds, seconds of
processors and peak memory as JSON; GROUPS is how many row groups of the window's parquet file are
checked. Reading counts where a side reads from the file, and imports never do.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from pyarrow import Array, types
from pyarrow.parquet import ParquetFile
from scipy.stats import chi2_contingency, ks_2samp

from configs.settings import load_settings
from credit.drift import compare, judge
from credit.features import MISSING
from credit.plan import DriftPlan
from credit.profiles import CategoryProfile, ColumnProfile, NumberProfile
from credit.shifts import WindowDrift

BATCH_ROWS = 262_144
WARM_UP_ROWS = 2000

Profiles = dict[str, ColumnProfile]


@dataclass(frozen=True)
class Sample:
    """Row groups of a parquet file with columns of numbers and of text."""

    path: Path
    groups: int

    @property
    def file(self) -> ParquetFile:
        return ParquetFile(self.path, read_dictionary=self.categories)

    @property
    def categories(self) -> list[str]:
        schema = ParquetFile(self.path).schema_arrow
        return [field.name for field in schema if not types.is_floating(field.type)]

    @property
    def columns(self) -> list[str]:
        return list(ParquetFile(self.path).schema_arrow.names)

    def frame(self, columns: list[str] | None = None) -> pd.DataFrame:
        file = ParquetFile(self.path)
        return file.read_row_groups(range(self.groups), columns=columns).to_pandas()


def fitted(frame: pd.DataFrame) -> Profiles:
    """The profiles of a reference."""
    return {
        name: NumberProfile.fit(column.to_numpy())
        if pd.api.types.is_float_dtype(column)
        else CategoryProfile.fit_counts(_counted(column))
        for name, column in frame.items()
    }


def profiled(reference: Profiles, frame: pd.DataFrame) -> Profiles:
    """The profiles of a window in the bins of the reference."""
    return {
        name: profile.of(frame[name].to_numpy())
        if isinstance(profile, NumberProfile)
        else profile.of_counts(_counted(frame[name]))
        for name, profile in reference.items()
    }


def profiled_in_parts(reference: Profiles, window: Sample) -> Profiles:
    """The same from a file of any size, a batch of rows at a time."""
    whole: Profiles = {}
    for batch in window.file.iter_batches(BATCH_ROWS, row_groups=range(window.groups)):
        part = {name: _of_arrow(profile, batch.column(name)) for name, profile in reference.items()}
        whole = {name: whole[name] + part[name] for name in part} if whole else part
    return whole


def _of_arrow(profile: ColumnProfile, column: Array) -> ColumnProfile:
    if isinstance(profile, NumberProfile):
        return profile.of(column.to_numpy(zero_copy_only=False))
    found = column.value_counts()
    texts = (text or MISSING for text in found.field("values").to_pylist())
    return profile.of_counts(dict(zip(texts, found.field("counts").to_pylist(), strict=True)))


def _counted(column: pd.Series) -> dict[str, int]:
    return column.fillna(MISSING).value_counts().to_dict()


def judged(reference: Profiles, window: Profiles, plan: DriftPlan) -> WindowDrift:
    """What the window means, every column as important as the others."""
    shifts = {name: compare(name, profile, window[name]) for name, profile in reference.items()}
    rows, reference_rows = (next(iter(side.values())).rows for side in (window, reference))
    return judge(shifts, {}, rows, reference_rows, plan)


def ours(reference: Sample, window: Sample) -> Callable[[], object]:
    """The reference is a profile, as a package carries it."""
    before, now, plan = fitted(reference.frame()), window.frame(), load_settings().drift
    return lambda: judged(before, profiled(before, now), plan)


def ours_with_reference(reference: Sample, window: Sample) -> Callable[[], object]:
    """Both sides are raw, as for the others."""
    before, now, plan = reference.frame(), window.frame(), load_settings().drift

    def check() -> WindowDrift:
        profiles = fitted(before)
        return judged(profiles, profiled(profiles, now), plan)

    return check


def ours_in_parts(reference: Sample, window: Sample) -> Callable[[], object]:
    """The window stays in its file."""
    before, plan = fitted(reference.frame()), load_settings().drift
    return lambda: judged(before, profiled_in_parts(before, window), plan)


def scipy(reference: Sample, window: Sample) -> Callable[[], object]:
    """Column by column, from frames."""
    before, now = reference.frame(), window.frame()
    return lambda: [_scipy(before[name], now[name]) for name in before]


def scipy_in_parts(reference: Sample, window: Sample) -> Callable[[], object]:
    """Column by column, each read from the file when its turn comes."""
    return lambda: [
        _scipy(reference.frame([name])[name], window.frame([name])[name])
        for name in reference.columns
    ]


def _scipy(before: pd.Series, now: pd.Series) -> float:
    if pd.api.types.is_float_dtype(before):
        return float(ks_2samp(before.dropna(), now.dropna(), method="asymp").pvalue)
    counts = pd.concat([before.value_counts(), now.value_counts()], axis=1).fillna(0)
    return float(chi2_contingency(counts.T, correction=False).pvalue)


def evidently_tests(reference: Sample, window: Sample) -> Callable[[], object]:
    """Evidently with the same tests."""
    methods = {
        name: "chisquare" if name in reference.categories else "ks" for name in reference.columns
    }
    return _evidently(reference, window, per_column_method=methods)


def evidently_defaults(reference: Sample, window: Sample) -> Callable[[], object]:
    """Evidently with the tests of its choice."""
    return _evidently(reference, window)


def _evidently(reference: Sample, window: Sample, **options: object) -> Callable[[], object]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    categories = reference.categories
    definition = DataDefinition(
        numerical_columns=[name for name in reference.columns if name not in categories],
        categorical_columns=categories,
    )
    before, now = reference.frame(), window.frame()

    def check() -> object:
        sides = (Dataset.from_pandas(frame, data_definition=definition) for frame in (now, before))
        return Report([DataDriftPreset(**options)]).run(*sides)

    return check


SIDES = {
    "ours": ours,
    "ours_with_reference": ours_with_reference,
    "scipy": scipy,
    "evidently_tests": evidently_tests,
    "evidently_defaults": evidently_defaults,
    "ours_in_parts": ours_in_parts,
    "scipy_in_parts": scipy_in_parts,
}


def main(side: str, reference: str, window: str, groups: int) -> None:
    check = SIDES[side](Sample(Path(reference), 1), Sample(Path(window), groups))
    _warm_up()
    started, busy = perf_counter(), process_time()
    check()
    taken = {"seconds": perf_counter() - started, "cpu_seconds": process_time() - busy}
    print(json.dumps({**taken, "peak_megabytes": _peak_megabytes()}))


def _peak_megabytes() -> float:
    """Of this process alone: what `getrusage` says includes the parent that started it."""
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _warm_up() -> None:
    """What SciPy sets up at its first call costs none of the sides."""
    values = np.arange(WARM_UP_ROWS, dtype=np.float64)
    profile = NumberProfile.fit(values)
    compare("x", profile, profile.of(values))
    ks_2samp(values, values, method="asymp")
    chi2_contingency(np.full((2, 2), 9.0), correction=False)


if __name__ == "__main__":
    _, name, first, second, count = sys.argv
    main(name, first, second, int(count))
