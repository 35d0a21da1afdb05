"""Error analysis: a planted segment is found, luck is not, and counts are those made by hand."""

import numpy as np
import pytest

from configs.settings import load_settings
from credit.features import from_frame
from credit.segments import (
    ErrorAnalysis,
    confusion,
    cost_of_mistakes,
    costliest_mistakes,
    worst_segments,
)
from tests import awkward

COSTS = load_settings().decisions.costs.model_copy(
    update={"loss_given_default": 0.5, "margin": 0.25}
)


@pytest.fixture(scope="module")
def case():
    """4,000 rows with probabilities that are true but for rented homes without a delay record."""
    development = awkward.development()
    rows, _ = awkward.rows(4000, seed=3)
    features = development.feature_map(from_frame(rows, awkward.SCHEMA))
    draw = np.random.default_rng(4)
    said = draw.uniform(0.05, 0.3, len(rows))
    planted = ((rows["delay"] == -9) & (rows["home"] == "rent")).to_numpy()
    bad = (draw.random(len(rows)) < said + 0.4 * planted).astype(np.int8)
    honest = (draw.random(len(rows)) < said).astype(np.int8)
    return development.feature_map, features, said, bad, honest, planted


def test_a_planted_segment_comes_first(case):
    feature_map, features, said, bad, _, planted = case
    worst = worst_segments(feature_map, features, bad, said, most=3, seed=1)[0]
    assert {"delay is no record (-9)", "home is rent"} <= set(worst.rule.split(" and "))
    assert 30 <= worst.rows <= planted.sum()
    assert worst.share == worst.rows / 2000
    assert worst.gap.low < 0.4 < worst.gap.high
    assert worst.gap.low > 0.2
    assert worst.gap.value == pytest.approx(worst.bad_rate - worst.mean_pd)


def test_segments_of_an_honest_model_hold_nothing_surprising(case):
    """Measured where they were found they would: that is what the other half is for."""
    feature_map, features, said, _, honest, _ = case
    hits = total = 0
    for seed in range(20):
        for segment in worst_segments(feature_map, features, honest, said, most=3, seed=seed):
            hits += segment.gap.low <= 0 <= segment.gap.high
            total += 1
    assert hits / total > 0.85


def test_segments_are_the_same_for_the_same_seed(case):
    feature_map, features, said, bad, *_ = case
    first, again = (worst_segments(feature_map, features, bad, said, 5, seed=2) for _ in range(2))
    assert first == again
    assert len(first) == 5


def test_few_rows_are_one_segment(case):
    feature_map, features, said, bad, *_ = case
    (only,) = worst_segments(feature_map, features[:40], bad[:40], said[:40], most=5, seed=0)
    assert (only.rule, only.rows, only.share) == ("all rows", 20, 1.0)


DECISIONS = np.array(["approve", "approve", "review", "decline", "decline", "approve"])
BAD = np.array([0, 1, 1, 1, 0, 0], dtype=np.int8)


def test_confusion_by_hand():
    approve, review, decline = confusion(DECISIONS, BAD)
    assert (approve.decision, approve.rows, approve.goods, approve.bads) == ("approve", 3, 2, 1)
    assert (approve.share, approve.share_of_goods, approve.share_of_bads) == (1 / 2, 2 / 3, 1 / 3)
    assert approve.bad_rate == 1 / 3
    assert (review.rows, review.share_of_bads, review.bad_rate) == (1, 1 / 3, 1.0)
    assert (decline.goods, decline.bads) == (1, 1)


def test_a_band_without_rows_has_no_bad_rate():
    assert confusion(np.array(["approve"] * 6), BAD)[1].bad_rate is None


def test_costs_by_hand():
    exposure = np.array([100.0, 200.0, 300.0, 400.0, 500.0, 600.0])
    cost = cost_of_mistakes(DECISIONS, BAD, exposure, COSTS)
    assert cost.tolist() == [0.0, 100.0, 0.0, 0.0, 125.0, 0.0]


def test_the_costliest_mistakes_come_first_with_their_fields():
    rows, _ = awkward.rows(6, seed=3)
    rows.loc[4, "opened"] = "2020-02-29"
    rows.loc[4, "home"] = None
    rows.loc[4, "income"] = np.nan
    found = costliest_mistakes(
        awkward.SCHEMA,
        from_frame(rows, awkward.SCHEMA),
        DECISIONS,
        BAD,
        np.linspace(0.1, 0.6, 6),
        np.full(6, 100.0),
        COSTS,
        most=5,
    )
    assert [(each.row, each.kind, each.cost) for each in found] == [
        (1, "approved bad", 50.0),
        (4, "declined good", 25.0),
    ]
    fields = found[1].fields
    assert list(fields) == list(awkward.SCHEMA.number_fields + awkward.SCHEMA.category_fields)
    assert (fields["opened"], fields["home"], fields["income"]) == ("2020-02-29", None, None)
    assert fields["limit"] == rows["limit"][4]
    assert found[1].pd == pytest.approx(0.5)


def test_an_analysis_survives_json(case):
    feature_map, features, said, bad, *_ = case
    analysis = ErrorAnalysis(
        segments=worst_segments(feature_map, features, bad, said, 3, seed=0),
        confusion=confusion(DECISIONS, BAD),
        mistakes=(),
    )
    assert ErrorAnalysis.model_validate_json(analysis.model_dump_json()) == analysis
