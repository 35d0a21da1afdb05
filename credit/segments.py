"""Error analysis: where predictions are off, what the bands catch, and which mistakes cost most."""

from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from credit.expressions import FloatArray
from credit.features import EPOCH, Applications, FeatureMap, Features
from credit.intervals import Interval, wilson
from credit.labels import BadArray
from credit.plan import CostPlan
from credit.policy import DECISIONS, Decision, DecisionArray
from credit.spec import Column, Frozen, Schema
from credit.tree_rules import Rule, leaves

DEPTH = 3
SMALLEST_SHARE = 0.03
FEWEST_ROWS = 30


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

    decision: Decision
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
    probability: FloatArray,
    most: int,
    seed: int,
) -> tuple[Segment, ...]:
    """The segments where observed and predicted bads differ most surely, the surest first.

    A tree of depth 3 is grown on label less probability on one half of the rows, its leaves are
    ranked there by the gap in standard errors, and what a segment shows is measured on the other
    half: what was only luck in the first half does not repeat itself.
    """
    found, measured = _halves(len(bad), seed)
    residual = bad - probability
    scored = []
    for rule in _grow(feature_map, features[found], residual[found], seed):
        inside = rule.picks(features[found])
        spread = np.sqrt((probability[found] * (1 - probability[found]))[inside].sum())
        scored.append((abs(residual[found][inside].sum()) / max(spread, 1e-12), rule))
    scored.sort(key=lambda pair: -pair[0])
    segments = (
        _measure(rule, features[measured], bad[measured], probability[measured])
        for _, rule in scored
    )
    return tuple(segment for segment in segments if segment)[:most]


def _halves(rows: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[: rows // 2]), np.sort(order[rows // 2 :])


def _grow(
    feature_map: FeatureMap, features: Features, residual: FloatArray, seed: int
) -> tuple[Rule, ...]:
    fewest = max(FEWEST_ROWS, int(np.ceil(SMALLEST_SHARE * len(residual))))
    tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=fewest, random_state=seed)
    return leaves(tree, feature_map, features, residual)


def _measure(
    rule: Rule, features: Features, bad: BadArray, probability: FloatArray
) -> Segment | None:
    inside = rule.picks(features)
    rows, bads = int(inside.sum()), int(bad[inside].sum())
    if rows == 0:
        return None
    mean = float(probability[inside].mean())
    low, high = wilson(bads, rows)
    return Segment(
        rule=rule.text,
        rows=rows,
        share=rows / len(bad),
        bad_rate=bads / rows,
        mean_pd=mean,
        gap=Interval(bads / rows - mean, low - mean, high - mean),
    )


def confusion(decisions: DecisionArray, bad: BadArray) -> tuple[BandOutcome, ...]:
    """Approve, review and decline against good and bad."""
    goods, bads = int((bad == 0).sum()), int(bad.sum())
    outcomes = []
    for decision in DECISIONS:
        inside = decisions == decision
        rows, bad_rows = int(inside.sum()), int(bad[inside].sum())
        outcomes.append(
            BandOutcome(
                decision=decision,
                rows=rows,
                goods=rows - bad_rows,
                bads=bad_rows,
                share=rows / len(bad),
                share_of_goods=(rows - bad_rows) / max(goods, 1),
                share_of_bads=bad_rows / max(bads, 1),
                bad_rate=bad_rows / rows if rows else None,
            )
        )
    return tuple(outcomes)


def cost_of_mistakes(
    decisions: DecisionArray, bad: BadArray, exposure: FloatArray, costs: CostPlan
) -> FloatArray:
    """What each decision [rows] cost against the right one; 0 for right ones and for reviews.

    An approved bad loses `loss_given_default` of its exposure, a declined good would have earned
    `margin` of it.
    """
    approved_bad = (decisions == "approve") & (bad == 1)
    declined_good = (decisions == "decline") & (bad == 0)
    lost = costs.loss_given_default * approved_bad + costs.margin * declined_good
    return np.asarray(lost * exposure)


def costliest_mistakes(
    schema: Schema,
    applications: Applications,
    decisions: DecisionArray,
    bad: BadArray,
    probability: FloatArray,
    exposure: FloatArray,
    costs: CostPlan,
    most: int,
) -> tuple[Mistake, ...]:
    """The wrong decisions that cost most, the costliest first; of equal ones the first row's."""
    cost = cost_of_mistakes(decisions, bad, exposure, costs)
    order = np.argsort(-cost, kind="stable")[:most]
    return tuple(
        Mistake(
            row=int(row),
            kind="approved bad" if decisions[row] == "approve" else "declined good",
            pd=float(probability[row]),
            cost=float(cost[row]),
            fields=_fields(schema, applications, int(row)),
        )
        for row in order
        if cost[row] > 0
    )


def _fields(schema: Schema, applications: Applications, row: int) -> dict[str, float | str | None]:
    numbers = zip(schema.number_fields, applications.numbers[row], strict=True)
    values: dict[str, float | str | None] = {
        name: _plain(schema.columns[name], float(value)) for name, value in numbers
    }
    texts = zip(schema.category_fields, applications.categories[row], strict=True)
    return values | {name: text or None for name, text in texts}


def _plain(column: Column, value: float) -> float | str | None:
    if np.isnan(value):
        return None
    return (EPOCH + timedelta(days=value)).isoformat() if column.type == "date" else value
