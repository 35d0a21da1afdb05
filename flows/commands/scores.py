"""Scoring a file of applications without a server, with the same checks and numbers."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from credit.features import from_frame
from credit.package import Package
from credit.scoring import Scorer
from credit.spec import FileSource
from credit.validation import REASONS, ROW, validate
from tasks.sources import read_rows


@dataclass(frozen=True)
class Score:
    """One row's probability of default, or the reasons why it has none. Rows count from 1."""

    row: int
    id: str | None
    probability_of_default: float | None
    reasons: str | None

    def as_dict(self) -> dict[str, object]:
        """All values by name."""
        return asdict(self)


def score_file(path: str, package: Package) -> list[Score]:
    """Score every row of a file, in its order.

    Raises:
        SourceError: the file cannot be read.
        RowsError: it has no rows, or lacks a field altogether.
    """
    schema = package.schema
    frame = read_rows(FileSource(path=path), schema)
    checked = validate(frame, schema, outcomes=False)
    rejected = dict(zip(checked.rejected[ROW], checked.rejected[REASONS], strict=True))
    accepted = [row for row in range(1, len(frame) + 1) if row not in rejected]
    probabilities = _probabilities(package, checked.rows)
    known = dict(zip(accepted, probabilities.tolist(), strict=True))
    ids = _ids(frame, schema.id)
    return [
        Score(row, ids[row - 1], known.get(row), rejected.get(row))
        for row in range(1, len(frame) + 1)
    ]


def _probabilities(package: Package, rows: pd.DataFrame) -> np.ndarray:
    if rows.empty:
        return np.empty(0)
    return Scorer(package.schema, package.graph).probabilities(from_frame(rows, package.schema))


def _ids(frame: pd.DataFrame, name: str | None) -> list[str | None]:
    if name is None or name not in frame.columns:
        return [None] * len(frame)
    return [None if pd.isna(value) else str(value) for value in frame[name]]
