"""Rejected rows on disk, where a person finds each with its reasons."""

import os
import tempfile
from pathlib import Path

import pandas as pd

from credit.validation import REASONS, ROW


def write_quarantine(rejected: pd.DataFrame, path: Path) -> Path:
    """Write rejected rows as csv, `row` and `reasons` first, readable by the owner only.

    The file appears whole or not at all; an older one is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    others = [name for name in rejected.columns if name not in (ROW, REASONS)]
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            rejected[[ROW, REASONS, *others]].to_csv(file, index=False)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
