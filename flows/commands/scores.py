"""Deciding on a file of applications without a server, with the same checks and numbers."""

from dataclasses import asdict, dataclass

import pandas as pd

from credit.features import from_frame
from credit.package import Package
from credit.policy import Decision
from credit.spec import FileSource
from credit.underwriting import Underwriter
from credit.validation import REASONS, ROW, validate
from tasks.sources import read_rows


@dataclass(frozen=True)
class Score:
    """What the service would answer on one row, or the problem with it. Rows count from 1.

    reasons: in words, of what is not approved.
    """

    row: int
    id: str | None
    probability_of_default: float | None = None
    score: int | None = None
    decision: Decision | None = None
    reasons: tuple[str, ...] = ()
    problem: str | None = None

    def as_dict(self) -> dict[str, object]:
        """All values by name."""
        return asdict(self)


def score_file(path: str, package: Package) -> list[Score]:
    """Decide on every row of a file, in its order.

    Raises:
        SourceError: the file cannot be read.
        RowsError: it has no rows, or lacks a field altogether.
    """
    schema = package.schema
    frame = read_rows(FileSource(path=path), schema)
    checked = validate(frame, schema, outcomes=False)
    problems = dict(zip(checked.rejected[ROW], checked.rejected[REASONS], strict=True))
    judgements = iter(Underwriter(package).judge(from_frame(checked.rows, schema)))
    scores = []
    for row, name in enumerate(_ids(frame, schema.id), 1):
        if row in problems:
            scores.append(Score(row, name, problem=problems[row]))
            continue
        judged = next(judgements)
        reasons = tuple(reason.text for reason in judged.reasons)
        scores.append(Score(row, name, judged.probability, judged.score, judged.decision, reasons))
    return scores


def _ids(frame: pd.DataFrame, name: str | None) -> list[str | None]:
    if name is None or name not in frame.columns:
        return [None] * len(frame)
    return [None if pd.isna(value) else str(value) for value in frame[name]]
