"""Approval parity over time, from attributes that only a key of the role `fairness` reads."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from configs.settings import Settings
from credit.groups import GroupError, Groups, column_groups
from credit.parity import parity
from credit.spec import Column, Schema, level_text
from services.keys import KeyRefusedError, authenticate
from services.ledger import Ledger
from services.ledger.errors import NotAllowedError
from services.ledger.protected import ROLE, read_protected
from tasks.monitoring.book import Book
from tasks.monitoring.performance_findings import Fairness

KEY = "CREDITLOOP_FAIRNESS_KEY"
NO_KEY = (
    f"protected attributes are read with a key of the role {ROLE}; make one for this job with "
    f"`creditloop keys create --owner monitoring --role {ROLE}`, and set {KEY} to it"
)


def watch_fairness(ledger: Ledger, book: Book, schema: Schema, settings: Settings) -> Fairness:
    """Approval by protected group and period, or why it cannot be told.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    token = os.environ.get(KEY, "")
    if not token:
        return Fairness(problem=NO_KEY)
    try:
        key = authenticate(ledger, token, ROLE)
        stated = read_protected(ledger, book.ids, key)
    except (KeyRefusedError, NotAllowedError) as error:
        return Fairness(problem=f"{KEY}: {error}")
    rows = np.array([id_ in stated for id_ in book.ids], dtype=bool)
    attributes = [stated[id_] for id_ in book.ids if id_ in stated]
    groups, notes = _groups(attributes, schema)
    if not groups:
        return Fairness(problem="no decision came with protected attributes", notes=notes)
    periods = book.periods(settings.monitoring.vintage)[rows]
    found = parity(periods, book.final[rows], groups, settings.fairness, settings.training.seed)
    return Fairness(rows=len(attributes), periods=found, notes=notes)


def _groups(
    attributes: Sequence[Mapping[str, Any]], schema: Schema
) -> tuple[dict[str, Groups], tuple[str, ...]]:
    """The groups by each column that has any; one that cannot be read does not hide the others."""
    groups: dict[str, Groups] = {}
    notes = []
    for name, column in schema.protected.items():
        values = [each.get(name) for each in attributes]
        if all(value is None for value in values):
            continue
        try:
            groups[name] = column_groups(_typed(values, column), name, column)
        except (GroupError, TypeError, ValueError):
            notes.append(f"{name}: its stored values are not those of the spec; it is left out")
    return groups, tuple(notes)


def _typed(values: Sequence[Any], column: Column) -> pd.Series:
    """Stored attributes, which are JSON, as validated rows have them."""
    if column.type == "date":
        return pd.Series(pd.to_datetime(values, format="%Y-%m-%d"))
    if column.is_number:
        return pd.Series(values, dtype=np.float64)
    return pd.Series([level_text(value) or None for value in values], dtype=object)
