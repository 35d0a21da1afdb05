"""Population stability (PSI): how far scores and columns have moved from a reference.

PSI = sum over bins of (current share - reference share) x ln(current share / reference share),
half a count added to each bin. Numbers have ten bins that hold equally many reference rows, apart
from missing and each special code; categories have a bin for each level. Under no drift PSI is
not 0: its expectation is (bins - 1)(1 / reference rows + 1 / current rows), and `excess` is PSI
less that, not below 0. By custom 0.10 is a shift to look at and 0.25 one to act on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from credit.binning import quantile_edges
from credit.distances import excess_psi, psi
from credit.expressions import FloatArray
from credit.features import FeatureMap, Features
from credit.labels import BadArray
from credit.partition import NumberPartition, code_labels, ordinary, special_meanings, tally
from credit.spec import Frozen

MOST_QUARTERS = 12
BINS = 10
NO_CODES: Mapping[float, str] = {}


class BinShift(Frozen):
    """Shares of reference and current rows in one bin, from 0 to 1."""

    label: str
    reference: float
    current: float


class Shift(Frozen):
    """How far one score or column has moved."""

    name: str
    psi: float
    excess: float
    bins: tuple[BinShift, ...]


class Vintage(Frozen):
    """Rows of one quarter or year, by the time column."""

    period: str
    rows: int
    bad_rate: float
    mean_pd: float
    score: Shift


class Stability(Frozen):
    """Reference (train) against current (test) rows; columns by PSI from the highest down."""

    reference_rows: int
    current_rows: int
    score: Shift
    columns: tuple[Shift, ...]
    vintages: tuple[Vintage, ...] = ()


def stability(
    feature_map: FeatureMap,
    reference: Features,
    current: Features,
    reference_score: FloatArray,
    current_score: FloatArray,
    vintages: Sequence[Vintage] = (),
) -> Stability:
    """Compare the score [rows] and every feature of reference and current rows.

    The score of the reference should be out of fold: a model is more decided on the rows that it
    was fitted on, and that would look like a shift.
    """
    shifts = [
        *_number_shifts(feature_map, reference, current),
        *_category_shifts(feature_map, reference, current),
    ]
    return Stability(
        reference_rows=len(reference),
        current_rows=len(current),
        score=number_shift("score", reference_score, current_score),
        columns=tuple(sorted(shifts, key=lambda shift: -shift.psi)),
        vintages=tuple(vintages),
    )


def by_vintage(
    times: "pd.Series[pd.Timestamp]",
    bad: BadArray,
    probability: FloatArray,
    reference_score: FloatArray,
) -> tuple[Vintage, ...]:
    """The score of rows [rows] by quarter, or by year when they span more than twelve quarters.

    Args:
        times: value of the time column of each row.
        bad: labels of the same rows.
        probability: their probabilities of default.
        reference_score: probabilities of default of the reference rows.
    """
    quarters = pd.PeriodIndex(times, freq="Q")
    span = 1 + (quarters.max() - quarters.min()).n
    periods = quarters if span <= MOST_QUARTERS else quarters.asfreq("Y")
    found = []
    for period in periods.unique().sort_values():
        inside = np.asarray(periods == period)
        found.append(
            Vintage(
                period=str(period),
                rows=int(inside.sum()),
                bad_rate=float(bad[inside].mean()),
                mean_pd=float(probability[inside].mean()),
                score=number_shift("score", reference_score, probability[inside]),
            )
        )
    return tuple(found)


def number_shift(
    name: str, reference: FloatArray, current: FloatArray, special: Mapping[float, str] = NO_CODES
) -> Shift:
    """How far one number [rows] has moved, over bins of the reference."""
    bins = NumberPartition(quantile_edges(reference[ordinary(reference, special)], BINS), special)
    return _shift(name, bins.labels, bins.counts(reference), bins.counts(current))


def _number_shifts(feature_map: FeatureMap, reference: Features, current: Features) -> list[Shift]:
    schema = feature_map.schema
    columns = zip(schema.number_features, reference.numbers.T, current.numbers.T, strict=True)
    return [
        number_shift(name, before, now, special_meanings(schema, name))
        for name, before, now in columns
    ]


def _category_shifts(
    feature_map: FeatureMap, reference: Features, current: Features
) -> list[Shift]:
    shifts = []
    for position, name in enumerate(feature_map.schema.category_features):
        labels = code_labels(feature_map, position)
        before, now = (tally(part.codes[:, position], len(labels)) for part in (reference, current))
        shifts.append(_shift(name, labels, before, now))
    return shifts


def _shift(name: str, labels: tuple[str, ...], reference: FloatArray, current: FloatArray) -> Shift:
    """Bins that neither has a row in do not count."""
    filled = np.flatnonzero(reference + current)
    before, now = reference[filled], current[filled]
    shares = zip(filled, before / before.sum(), now / now.sum(), strict=True)
    return Shift(
        name=name,
        psi=psi(before, now),
        excess=excess_psi(before, now),
        bins=tuple(
            BinShift(label=labels[position], reference=float(old), current=float(new))
            for position, old, new in shares
        ),
    )
