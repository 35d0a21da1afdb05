"""What a training has produced, as it is handed from step to step."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from credit.assessment import Assessment
from credit.intervals import Interval
from credit.plan import FamilyName, PresetName
from credit.promotion import Verdict
from credit.spec import DatasetSpec
from credit.training import TrainedFamily


@dataclass(frozen=True)
class Data:
    """The rows that were trained on.

    rows: how many rows each part of the split has, in the order of their use.
    bad_rates: share of bad rows, from 0 to 1, of each part that is modelled on.
    rejected_share: share of all rows that were set aside, from 0 to 1; `quarantine` has them.
    warnings, notes: what splits and leakage tripwires say.
    """

    dataset: DatasetSpec
    fingerprint: str
    rows: Mapping[str, int]
    bad_rates: Mapping[str, float]
    rejected: int
    rejected_share: float
    quarantine: Path | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """A fitted family, how it would decide, the package that carries it, and its plots.

    seconds: how long search, fit and measurement took.
    plots: PNG bytes by name.
    """

    trained: TrainedFamily
    seconds: float
    assessment: Assessment
    digest: str
    package: Path
    plots: Mapping[str, bytes]

    @property
    def family(self) -> FamilyName:
        """The family's name."""
        return self.trained.family

    @property
    def test(self) -> Mapping[str, Interval]:
        """Metrics on the test rows."""
        return self.trained.metrics["test"]

    @property
    def validation_auc(self) -> float:
        """What decides who is champion."""
        return self.trained.metrics["validation"]["auc"].value


@dataclass(frozen=True)
class Training:
    """One training: its fits, by validation AUC from the highest down, and its circumstances.

    documents: the files of model card, validation report and adverse-action table, by name.
    """

    run_id: str
    preset: PresetName
    seed: int
    requester: str
    data: Data
    fits: tuple[Fit, ...]
    champion: Fit
    verdict: Verdict
    documents: Mapping[str, Path]

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.data.dataset.name


@dataclass(frozen=True)
class Evaluation:
    """How a package did on rows with known outcomes; `rows_from` says which.

    warnings: why the package may have been trained on these rows; notes: what else to know.
    """

    run_id: str
    dataset: str
    family: str
    digest: str
    fingerprint: str
    rejected: int
    rejected_share: float
    quarantine: Path | None
    rows_from: Literal["test part", "file"]
    rows: int
    bad_rate: float
    metrics: Mapping[str, Interval]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tracked:
    """Where MLflow keeps a run; `url` is empty without a tracking server."""

    experiment_id: str
    run_id: str
    family_runs: Mapping[FamilyName, str]
    url: str

    def artifact_url(self, path: str) -> str:
        """The page that shows one of the run's artifacts."""
        return f"{self.url}/artifacts/{path}"


@dataclass(frozen=True)
class Published:
    """Where a champion can be found: MLflow's run and model version, and the Bento's tag."""

    tracked: Tracked
    version: str
    bento: str
