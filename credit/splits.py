"""Which rows train, which choose and calibrate, and which judge.

A row's side is decided by a hash of its id, so it never changes sides when rows are added, and no
later champion has trained on the test rows of an earlier one. Without an id column the contents of
its fields are hashed, so the same holds only as long as the spec lists the same fields. With a
time column the newest matured rows are the test instead, behind a gap in which the outcomes of
training rows would not have been known yet.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from credit.expressions import FloatArray
from credit.features import from_frame
from credit.labels import Labels
from credit.plan import SplitPlan
from credit.spec import EventWithinHorizon, Schema, TargetIsBad
from credit.validation import category_text

Part = Literal["train", "validation", "test", "gap", "immature"]
PartArray = NDArray[np.object_]

MODELLED: tuple[Part, ...] = ("train", "validation", "test")
SIGNIFICANT = 0.001
FEWEST_OF_A_CLASS = 10  # in train, which is cut into folds


class SplitError(ValueError):
    """The rows cannot be split into parts that a model can be made from; the message says why."""


@dataclass(frozen=True)
class PartSummary:
    """How many rows a part has and how many of them are bad."""

    rows: int
    bads: int

    @property
    def bad_rate(self) -> float:
        """Share of bad rows, from 0 to 1."""
        return self.bads / self.rows


@dataclass(frozen=True)
class Split:
    """The part of each row.

    part: object array [rows] of "train", "validation", "test", "gap" or "immature".
    warnings: sentences on what is wrong with the split.
    notes: sentences on what a reader should know of it.
    summary: rows and bads of train, validation and test.
    """

    part: PartArray
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    summary: dict[Part, PartSummary]


def split(rows: pd.DataFrame, labels: Labels, schema: Schema, plan: SplitPlan) -> Split:
    """Give every validated row its part.

    Without a time column the parts come from the hash alone. With one, the test is the newest
    share of the matured rows (all rows of one time on one side, at the boundary nearest to the
    share), rows before it whose horizon, if there is one, ends after it starts are the gap, and
    the rest is split by hash. Rows whose outcome has not matured are "immature".

    Raises:
        SplitError: a part would have no rows or rows of one class only, or train too few of one.
    """
    if isinstance(schema.bad, EventWithinHorizon) and not labels.matured.any():
        raise SplitError(_nothing_matured(schema, schema.bad))
    _check_both_classes(rows, labels, schema)
    draws = hash_draws(row_keys(rows, schema), plan.salt)
    if schema.time is None:
        part = _by_hash(draws, plan.validation, plan.test)
    else:
        part = _by_time(rows[schema.time], labels, schema, plan, draws)
    part[~labels.matured] = "immature"
    summary = {name: _summarise(name, part, labels) for name in MODELLED}
    _check_parts(summary, schema, plan)
    return Split(part, _warnings(summary, schema), _notes(part, summary, schema), summary)


def row_keys(rows: pd.DataFrame, schema: Schema) -> list[bytes]:
    """What identifies each row: its id, or without an id column the contents of its fields."""
    if schema.id is None:
        return content_keys(rows, schema)
    return [str(value).encode() for value in category_text(rows[schema.id])]


def content_keys(rows: pd.DataFrame, schema: Schema) -> list[bytes]:
    """The fields of each row as bytes: equal for rows that no model can tell apart."""
    applications = from_frame(rows, schema)
    numbers = applications.numbers + 0.0  # one zero, where floats have two
    numbers[np.isnan(numbers)] = np.nan
    texts = ("\x1f".join(levels).encode() for levels in applications.categories)
    return [
        number.tobytes() + text for number, text in zip(numbers.astype("<f8"), texts, strict=True)
    ]


def in_fixed_order(rows: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Validated rows in an order of their own, whatever order a database returned them in."""
    return rows.iloc[fixed_order(rows, schema)].reset_index(drop=True)


def fixed_order(rows: pd.DataFrame, schema: Schema) -> NDArray[np.intp]:
    """The positions of validated rows in that order [rows].

    Folds, fits and fingerprints depend on the order of rows. Ids are sorted by length and then by
    text, which leaves ascending numbers as they are; rows without an id by a hash of their values.
    """
    if schema.id is None:
        return np.argsort(pd.util.hash_pandas_object(rows, index=False), kind="stable")
    keys = row_keys(rows, schema)
    return np.array(sorted(range(len(keys)), key=lambda row: (len(keys[row]), keys[row])))


def hash_draws(keys: Iterable[bytes], salt: str) -> FloatArray:
    """A number in [0, 1) for each key, uniform over keys and fixed for a key and salt.

    >>> hash_draws([b"1001", b"1002"], "creditloop").round(4).tolist()
    [0.3198, 0.7196]
    """
    start = hashlib.blake2b(f"{salt}\0".encode(), digest_size=8)
    return np.array([_draw(start.copy(), key) for key in keys], dtype=np.float64)


def _draw(salted: "hashlib.blake2b", key: bytes) -> float:
    salted.update(key)
    return (int.from_bytes(salted.digest(), "big") >> 11) / 2**53


def _by_hash(draws: FloatArray, validation: float, test: float) -> PartArray:
    part = np.full(len(draws), "train", dtype=object)
    part[draws < test + validation] = "validation"
    part[draws < test] = "test"
    return part


def _by_time(
    times: pd.Series, labels: Labels, schema: Schema, plan: SplitPlan, draws: FloatArray
) -> PartArray:
    start = _test_start(times[labels.matured], plan.test, schema)
    part = _by_hash(draws, plan.validation / (1 - plan.test), 0.0)
    if schema.bad.horizon_months:
        known = times + pd.DateOffset(months=schema.bad.horizon_months)
        part[(known > start).to_numpy()] = "gap"
    part[(times >= start).to_numpy()] = "test"
    return part


def _test_start(times: pd.Series, share: float, schema: Schema) -> pd.Timestamp:
    distinct, counts = np.unique(times.to_numpy(), return_counts=True)
    if len(distinct) == 1:
        raise SplitError(
            f"all matured rows have the same {schema.time}, so there is no newest slice to test "
            "on; remove `time` from the spec to split by hash of the id"
        )
    newer = np.cumsum(counts[::-1])[::-1] / len(times)
    return pd.Timestamp(distinct[1 + np.argmin(np.abs(newer[1:] - share))])


def _summarise(name: Part, part: PartArray, labels: Labels) -> PartSummary:
    inside = part == name
    return PartSummary(int(inside.sum()), int(labels.bad[inside].sum()))


def _check_both_classes(rows: pd.DataFrame, labels: Labels, schema: Schema) -> None:
    bads, matured = int(labels.bad[labels.matured].sum()), int(labels.matured.sum())
    if 0 < bads < matured:
        return
    name, wanted = _definition(schema)
    found = sorted({str(value) for value in category_text(rows[name]).dropna().unique()[:5]})
    kind = "bad" if bads else "good"
    raise SplitError(
        f"all {matured:,} matured rows are {kind}: bad means {wanted}, and {name} holds "
        f"{', '.join(found)}; correct `bad` in the spec or give rows of both kinds"
    )


def _check_parts(summary: dict[Part, PartSummary], schema: Schema, plan: SplitPlan) -> None:
    for name, part in summary.items():
        if part.rows == 0:
            raise SplitError(f"{name} has no rows: {_why_empty(name, schema, plan)}")
    for name, part in summary.items():
        fewest = FEWEST_OF_A_CLASS if name == "train" else 1
        if min(part.bads, part.rows - part.bads) < fewest:
            raise SplitError(
                f"{name} has {part.bads:,} bad and {part.rows - part.bads:,} good rows and needs "
                f"at least {fewest} of each; give more rows, or change the shares in splits"
            )


def _why_empty(name: Part, schema: Schema, plan: SplitPlan) -> str:
    if schema.time and schema.bad.horizon_months and name != "test":
        return (
            f"the test slice and the gap of {schema.bad.horizon_months} months before it leave "
            "too little; give an older history or a smaller share of test"
        )
    return (
        f"there are too few for shares of {plan.validation:.0%} validation and {plan.test:.0%} "
        "test; give more rows"
    )


def _nothing_matured(schema: Schema, bad: EventWithinHorizon) -> str:
    until = bad.observed_until or f"the latest {bad.event_date}"
    return (
        f"no row has matured: none has {bad.horizon_months} months between {schema.time} and "
        f"{until}; give older rows or a shorter horizon"
    )


def _definition(schema: Schema) -> tuple[str, str]:
    if isinstance(schema.bad, TargetIsBad):
        return schema.bad.target, f"{schema.bad.target} = {schema.bad.bad_value}"
    event = f"{schema.bad.event} = {schema.bad.event_value}"
    return schema.bad.event, f"{event} within {schema.bad.horizon_months} months"


def _warnings(summary: dict[Part, PartSummary], schema: Schema) -> tuple[str, ...]:
    """Stratification of the parts that the hash made; a bad rate may move with time."""
    names = MODELLED if schema.time is None else MODELLED[:2]
    p = _chance([summary[name] for name in names])
    if p >= SIGNIFICANT:
        return ()
    warning = (
        f"The bad rate differs between parts that chance should make alike: {_rates(summary)} "
        f"(chi-square p = {p:.1g}). Look for rows that belong together but have different ids."
    )
    return (warning,)


def _notes(part: PartArray, summary: dict[Part, PartSummary], schema: Schema) -> tuple[str, ...]:
    notes = []
    if schema.id is None:
        notes.append(
            "There is no id column: rows are split by their contents, so another list of columns "
            "gives another split."
        )
    if schema.time is not None:
        gap, immature = int((part == "gap").sum()), int((part == "immature").sum())
        notes.append(
            f"The test is out of time; {gap:,} rows of the gap and {immature:,} rows that have "
            "not matured are not used."
        )
        if not schema.bad.horizon_months:
            notes.append(
                "`bad` has no horizon_months, so there is no gap: outcomes of the last training "
                "rows may not have been known when the test starts."
            )
        if _chance([summary["train"], summary["test"]]) < SIGNIFICANT:
            notes.append(f"The bad rate moved with time: {_rates(summary)}.")
    return tuple(notes)


def _chance(parts: list[PartSummary]) -> float:
    table = [[part.bads, part.rows - part.bads] for part in parts]
    return float(chi2_contingency(table, correction=False).pvalue)


def _rates(summary: dict[Part, PartSummary]) -> str:
    return ", ".join(f"{name} {part.bad_rate:.1%}" for name, part in summary.items())
