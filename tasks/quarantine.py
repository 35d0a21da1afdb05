"""Rejected rows on disk, where a person finds each with its reasons."""

from pathlib import Path

import pandas as pd

from credit.validation import REASONS, ROW
from tasks.files import OWNER, replacing


def write_quarantine(rejected: pd.DataFrame, path: Path) -> Path:
    """Write rejected rows as csv, `row` and `reasons` first, readable by the owner only.

    The file appears whole or not at all; an older one is replaced.
    """
    others = [name for name in rejected.columns if name not in (ROW, REASONS)]
    with replacing(path, OWNER) as file:
        rejected[[ROW, REASONS, *others]].to_csv(file, index=False)
    return path
