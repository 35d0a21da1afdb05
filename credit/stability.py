"""Population stability (PSI): how far scores and columns have moved from a reference.

PSI = sum over bins of (current share - reference share) x ln(current share / reference share),
half a count added to each bin. Numbers have ten bins that hold equally many reference rows, apart
from missing and each special code; categories have a bin for each level. Under no drift PSI is
not 0: its expectation is (bins - 1)(1 / reference rows + 1 / current rows), and `excess` is PSI
less that, not below 0. By custom 0.10 is a shift to look at and 0.25 one to act on.
"""

import pandas as pd

from credit.expressions import FloatArray
from credit.features import FeatureMap, Features
from credit.labels import BadArray
from credit.spec import Frozen

BINS = 10


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


def psi(reference: FloatArray, current: FloatArray) -> float:
    """PSI of counts [bins]."""
    raise NotImplementedError


def score_shift(reference: FloatArray, current: FloatArray) -> Shift:
    """How far the score [rows] has moved."""
    raise NotImplementedError


def column_shifts(
    feature_map: FeatureMap, reference: Features, current: Features
) -> tuple[Shift, ...]:
    """How far each feature has moved, the farthest first."""
    raise NotImplementedError


def vintages(
    times: pd.Series, reference: FloatArray, pd: FloatArray, bad: BadArray
) -> tuple[Vintage, ...]:
    """The score by quarter, or by year when the rows span more than three."""
    raise NotImplementedError
