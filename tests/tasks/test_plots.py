import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from credit.explanation import (
    Case,
    Contribution,
    Dependence,
    FeatureImportance,
    GlobalExplanation,
    LevelEffect,
    LocalExplanation,
    Swarm,
)
from credit.exploration import Bin, ColumnProfile, Exploration
from credit.fairness import ColumnAudit, GroupAudit
from credit.impact import ProfitCurve, ProfitPoint
from credit.intervals import Interval
from credit.metrics import calibration_curve, evaluate
from credit.policy import band
from credit.stability import BinShift, Shift, Stability, Vintage
from tasks import plots
from tasks.plots.canvas import amount, percent, shorten
from tasks.plots.explanations import _piled, _steps
from tasks.plots.exploration import _largest
from tasks.plots.probabilities import groups
from tasks.plots.ranking import cumulative_shares
from tests import tiny

BAD = np.array([0, 0, 1, 0, 1, 1], dtype=np.int8)
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
CURVES = {"A": PROBABILITY, "B": PROBABILITY[::-1]}
POLICY = tiny.POLICY.model_copy(update={"approve_below": 0.25, "decline_above": 0.5})
CURVE = ProfitCurve(
    points=(
        ProfitPoint(threshold=0.1, approval_rate=0, bad_rate=None, profit=0),
        ProfitPoint(threshold=0.3, approval_rate=0.4, bad_rate=0.1, profit=2e6),
        ProfitPoint(threshold=0.9, approval_rate=1, bad_rate=0.5, profit=-1e6),
    )
)
EXPLANATION = GlobalExplanation(
    rows=3,
    base=-1.0,
    residual=0.0,
    features=(
        FeatureImportance(feature="income", importance=0.3, share=0.6, direction=-1.0),
        FeatureImportance(feature="delay", importance=0.15, share=0.3, direction=1.0),
        FeatureImportance(feature="home", importance=0.05, share=0.1, direction=None),
    ),
    swarms=(
        Swarm(feature="income", contributions=(0.1, -0.2, 0.6), ranks=(0.5, 1.0, 0.0)),
        Swarm(feature="home", contributions=(0.0, 0.1, 0.05), ranks=(None, None, None)),
    ),
    dependences=(
        Dependence(
            feature="income",
            unit="EUR",
            values=(1000.0, 2000.0),
            contributions=(0.6, -0.2),
            levels=(LevelEffect(level="missing", rows=1, contribution=0.1),),
        ),
        Dependence(
            feature="home",
            unit="",
            values=(),
            contributions=(),
            levels=(
                LevelEffect(level="owner of the house", rows=2, contribution=-0.1),
                LevelEffect(level="tenant", rows=1, contribution=0.1),
            ),
        ),
    ),
)
CASE = LocalExplanation.model_construct(
    case=Case(title="Riskiest approved", row=7, probability=0.24, decision="approve"),
    base=-1.0,
    margin=-0.6,
    contributions=tuple(
        Contribution(feature=f"feature {i}", value=str(i), contribution=size)
        for i, size in enumerate((0.5, -0.3, 0.1, 0.08, 0.02))
    ),
)


def group(name, rows, rate, *, is_reference=False, judged=True):
    return GroupAudit.model_construct(
        group=name,
        rows=rows,
        is_reference=is_reference,
        judged=judged,
        approval_rate=Interval(rate, max(0, rate - 0.1), min(1, rate + 0.1)),
    )


def column(name, *audited):
    return ColumnAudit.model_construct(name=name, groups=audited)


AUDITS = (
    column("sex", group("female", 500, 0.6), group("male", 400, 0.7, is_reference=True)),
    column("age", group("below 25", 90, 0.3), group("missing", 3, 0.0, judged=False)),
)


def profile(name, bins):
    return ColumnProfile.model_construct(
        name=name,
        unit="EUR",
        information_value=0.2,
        bins=tuple(
            Bin(
                label=f"{i} to below {i + 1}",
                rows=i,
                share=0.1,
                bads=0,
                bad_rate=i / 50,
                evidence=0,
            )
            for i in range(bins)
        ),
    )


EXPLORATION = Exploration.model_construct(
    rows=100, bad_rate=0.2, columns=tuple(profile(f"column {i}", 3 + i) for i in range(4))
)
SHIFT = Shift.model_construct(
    name="a", psi=0.12, bins=(BinShift(label="", reference=0.4, current=0.6),) * 2
)
STABILITY = Stability.model_construct(
    reference_rows=10, current_rows=6, score=SHIFT, columns=(SHIFT, SHIFT)
)
VINTAGES = tuple(
    Vintage.model_construct(period=f"20{i}", rows=40, bad_rate=i / 40, mean_pd=0.2, score=SHIFT)
    for i in range(10, 13)
)

DRAWN = {
    "roc": lambda: plots.roc_plot(BAD, CURVES, "A"),
    "precision_recall": lambda: plots.precision_recall_plot(BAD, CURVES, "A"),
    "ks": lambda: plots.ks_plot(BAD, PROBABILITY, "A"),
    "gains": lambda: plots.gains_plot(BAD, PROBABILITY, "A"),
    "calibration": lambda: plots.calibration_plot(BAD, PROBABILITY, "A"),
    "score_distribution": lambda: plots.score_distribution_plot(BAD, PROBABILITY, POLICY),
    "bands": lambda: plots.band_plot(BAD, PROBABILITY, band(POLICY, PROBABILITY)),
    "profit": lambda: plots.profit_plot(CURVE, POLICY, "EUR"),
    "fairness": lambda: plots.fairness_plot(AUDITS, 0.8),
    "importance": lambda: plots.importance_plot(EXPLANATION),
    "beeswarm": lambda: plots.beeswarm_plot(EXPLANATION, "log-odds"),
    "dependence": lambda: plots.dependence_plot(EXPLANATION, "log-odds"),
    "case": lambda: plots.case_plot(CASE, "log-odds", most=3),
    "exploration": lambda: plots.exploration_plot(EXPLORATION),
    "stability": lambda: plots.stability_plot(STABILITY),
    "vintages": lambda: plots.vintage_plot(VINTAGES),
}


def size(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("name", DRAWN)
def test_plots_are_drawn_for_a_page_at_twice_its_pixels_and_the_same_each_time(name):
    png = DRAWN[name]()
    width, height = size(png)
    assert 1100 <= width <= 1900
    assert 400 <= height <= 1600
    assert DRAWN[name]() == png


def test_every_plot_is_tested():
    assert len(DRAWN) == len(plots.__all__)


def test_threads_draw_the_same_plots():
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda name: DRAWN[name](), ["calibration", "ks"] * 3))
    assert set(drawn[::2]) == {DRAWN["calibration"]()}
    assert set(drawn[1::2]) == {DRAWN["ks"]()}


def test_nothing_of_the_machine_or_clock_is_in_the_file(tmp_path):
    path = tmp_path / "plot.png"
    path.write_bytes(DRAWN["roc"]())
    with Image.open(path) as image:
        assert set(image.info) <= {"dpi"}


def test_a_plot_shows_its_data():
    assert plots.ks_plot(BAD, PROBABILITY, "A") != plots.ks_plot(BAD, PROBABILITY[::-1], "A")
    other = CURVE.model_copy(update={"points": CURVE.points[1:]})
    assert plots.profit_plot(other, POLICY) != plots.profit_plot(CURVE, POLICY)


# --- what is drawn -------------------------------------------------------------------------------


def test_groups_by_hand():
    """Twenty rows in ten groups: the two lowest are both good, the two highest both bad."""
    probability = np.arange(1, 21) / 21
    bad = (probability > 0.5).astype(np.int8)
    mean, rate, low, high = groups(bad, probability)
    assert len(mean) == 10
    assert mean[0] == pytest.approx((1 + 2) / 2 / 21)
    assert rate.tolist() == [0.0] * 5 + [1.0] * 5
    # Wilson's interval of 0 in 2: from 0 to z²/(n + z²) = 3.8415/5.8415.
    assert (low[0], high[0]) == pytest.approx((0, 0.6576), abs=1e-4)


def test_groups_give_the_reported_calibration_error():
    generator = np.random.default_rng(5)
    probability = generator.choice([0.02, 0.1, 0.3, 0.8], 997)  # ties across the groups' edges
    bad = (generator.random(997) < probability**1.3).astype(np.int8)
    mean, rate, *_ = groups(bad, probability)
    rows = calibration_curve(bad, probability)[2]
    error = np.average(np.abs(rate - mean), weights=rows)
    assert error == pytest.approx(evaluate(bad, probability, 20, 1)["calibration_error"].value)


def test_the_gap_that_is_drawn_is_the_reported_ks():
    generator = np.random.default_rng(2)
    probability = np.round(generator.random(500), 2)
    bad = (generator.random(500) < probability).astype(np.int8)
    _, goods, bads = cumulative_shares(bad, probability)
    assert (goods[-1], bads[-1]) == (1, 1)
    assert np.abs(goods - bads).max() == pytest.approx(
        evaluate(bad, probability, 20, 1)["ks"].value
    )


def test_a_waterfall_adds_up():
    steps = _steps(CASE.contributions, 3)
    assert [label for label, _ in steps] == [
        "feature 0 = 0",
        "feature 1 = 1",
        "feature 2 = 2",
        "2 other inputs",
    ]
    assert CASE.base + sum(size for _, size in steps) == pytest.approx(CASE.margin)
    assert len(_steps(CASE.contributions, 5)) == 5


def test_dots_at_one_place_are_piled_up_and_lone_ones_lie_on_the_line():
    offsets = _piled(np.array([0.5, 0.5, 0.5, 0.9]), (0.0, 1.0))
    assert offsets[3] == 0
    assert len(set(offsets[:3].tolist())) == 3
    assert np.abs(offsets).max() < 0.5


def test_of_many_bins_those_with_most_rows_are_shown_in_their_order():
    shown = _largest(profile("a", 14).bins)
    assert [each.rows for each in shown] == list(range(4, 14))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.25, "0.25"), (950, "950"), (25_000, "25k"), (-1_234_567, "−1.23M"), (2.5e9, "2.5G")],
)
def test_amounts(number, text):
    assert amount(number) == text


def test_shares_and_long_names():
    assert [percent(share) for share in (0.1, 0.025, -0.3)] == ["10%", "2.5%", "−30%"]
    assert shorten("months since the last payment", 12) == "months sinc…"


# --- data that leave little to draw --------------------------------------------------------------


def test_one_probability_for_all_is_plotted():
    constant = np.full(6, 0.5)
    for png in (
        plots.calibration_plot(BAD, constant, "constant"),
        plots.ks_plot(BAD, constant, "constant"),
        plots.gains_plot(BAD, constant, "constant"),
        plots.score_distribution_plot(BAD, constant, POLICY),
        plots.band_plot(BAD, constant, band(POLICY, constant)),
    ):
        assert size(png)


def test_nothing_to_show_is_said_in_words():
    assert size(plots.fairness_plot((), 0.8))
    assert size(plots.vintage_plot(()))


def test_extremes_are_drawn():
    never_reviewed = POLICY.model_copy(update={"decline_above": POLICY.approve_below})
    everyone = POLICY.model_copy(update={"approve_below": 1.0, "decline_above": 1.0})
    for policy in (never_reviewed, everyone):
        assert size(plots.profit_plot(CURVE, policy))
        assert size(plots.score_distribution_plot(BAD, PROBABILITY, policy))
    assert size(plots.fairness_plot((column("a", group("b", 1, 0.0, is_reference=True)),), 0.8))
    flat = CASE.model_copy(update={"contributions": (), "margin": -1.0})
    assert size(plots.case_plot(flat, "probability"))
    assert size(plots.vintage_plot(VINTAGES[:1]))
