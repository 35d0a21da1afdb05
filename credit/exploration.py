"""Exploratory data analysis: what each input looks like in the training rows, and what it tells."""

from credit.features import FeatureMap, Features
from credit.labels import BadArray
from credit.spec import Frozen


class Bin(Frozen):
    """One bin: share of rows, bad rate, and weight of evidence, which rises with risk."""

    label: str
    rows: int
    share: float
    bads: int
    bad_rate: float
    evidence: float


class SpecialCode(Frozen):
    """A special code, what it means, and its share of the rows."""

    code: float
    meaning: str
    share: float


class ColumnProfile(Frozen):
    """One input in the training rows.

    kind: number, integer, category or derived.
    missing: share of rows, from 0 to 1.
    quantiles: of ordinary values (neither missing nor special), keyed min, 1%, 5%, 25%, 50%, 75%,
        95%, 99%, max; empty for categories.
    bins: weight-of-evidence bins, or the levels of a category; missing and special codes apart.
    information_value: sum over bins of (share of bads - share of goods) x weight of evidence.
    """

    name: str
    kind: str
    description: str
    unit: str
    missing: float
    special: tuple[SpecialCode, ...]
    distinct: int
    quantiles: dict[str, float]
    mean: float | None
    deviation: float | None
    bins: tuple[Bin, ...]
    information_value: float


class Exploration(Frozen):
    """The training rows, column by column, by information value from the highest down."""

    rows: int
    bad_rate: float
    columns: tuple[ColumnProfile, ...]


def explore(feature_map: FeatureMap, features: Features, bad: BadArray) -> Exploration:
    """Profile every feature of the training rows."""
    raise NotImplementedError
