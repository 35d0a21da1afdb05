"""Error analysis: where predictions are off, what the bands catch, and which mistakes cost most."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from credit.expressions import FloatArray
from credit.features import Applications, FeatureMap, Features
from credit.labels import BadArray
from credit.metrics import Interval
from credit.plan import CostPlan
from credit.spec import Frozen, Schema

DecisionArray = NDArray[np.object_]  # "approve", "review" or "decline" of each row


class Segment(Frozen):
    """Rows that a rule picks, measured on rows that the rule was not made from.

    gap: bad rate less mean PD; above 0 the model is too optimistic there.
    """

    rule: str
    rows: int
    share: float
    bad_rate: float
    mean_pd: float
    gap: Interval


class BandOutcome(Frozen):
    """One decision: its rows, and its share of all rows, all goods and all bads."""

    decision: Literal["approve", "review", "decline"]
    rows: int
    goods: int
    bads: int
    share: float
    share_of_goods: float
    share_of_bads: float
    bad_rate: float | None


class Mistake(Frozen):
    """A row decided wrongly, what that cost, and its fields as they arrived."""

    row: int
    kind: Literal["approved bad", "declined good"]
    pd: float
    cost: float
    fields: dict[str, float | str | None]


class ErrorAnalysis(Frozen):
    """Worst segments first, confusion by band, costliest mistakes first."""

    segments: tuple[Segment, ...]
    confusion: tuple[BandOutcome, ...]
    mistakes: tuple[Mistake, ...]


def worst_segments(
    feature_map: FeatureMap,
    features: Features,
    bad: BadArray,
    pd: FloatArray,
    most: int,
    seed: int,
) -> tuple[Segment, ...]:
    """Segments found on one half of the rows and measured on the other."""
    raise NotImplementedError


def confusion(decisions: DecisionArray, bad: BadArray) -> tuple[BandOutcome, ...]:
    """Approve, review, decline against good and bad."""
    raise NotImplementedError


def cost_of_mistakes(
    decisions: DecisionArray, bad: BadArray, exposure: FloatArray, costs: CostPlan
) -> FloatArray:
    """What each decision [rows] cost against the right one; 0 for right ones and reviews."""
    raise NotImplementedError


def costliest_mistakes(
    schema: Schema,
    applications: Applications,
    decisions: DecisionArray,
    bad: BadArray,
    pd: FloatArray,
    cost: FloatArray,
    most: int,
) -> tuple[Mistake, ...]:
    """The wrong decisions that cost most, the costliest first."""
    raise NotImplementedError
