"""The estimate of AUC without outcomes, against what came, quarter by quarter.

For each quarter a model is trained as it could have been then: on loans whose full horizon had
passed when the quarter began. Its probabilities for the quarter's loans give the estimate. When
those loans have matured, it is held against their AUC, beside the assumption that the AUC will be
that of the model's own test rows.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.benchmark import Benchmark, BenchmarkError, Options, Result
from benchmarks.machine import circumstances
from benchmarks.report import table
from configs.datasets import load_spec, resolve_source
from configs.settings import load_settings
from credit.estimation import Realised, compare_estimate, estimate
from credit.expressions import FloatArray
from credit.features import from_frame
from credit.labels import BadArray, label
from credit.models import FAMILIES
from credit.plan import FamilyName, SplitPlan
from credit.scoring import Scorer
from credit.spec import Schema, SpecError
from credit.splits import hash_draws, in_fixed_order, row_keys
from credit.training import TrainedFamily, prepare, train_family
from credit.validation import validate
from tasks.sources import read_rows

DATASET = "lendingclub-2007-2011"
QUARTERS = tuple(str(each) for each in pd.period_range("2009Q4", "2011Q4", freq="Q"))
TRAINED: tuple[FamilyName, ...] = ("woe_logistic", "xgboost")
PACKAGES = ("numpy", "pandas", "scikit-learn", "xgboost-cpu")
# For intervals of the estimates.
SAMPLES = 500

PROTOCOL = (
    "Loans of {dataset}, bad when charged off within {horizon} months. For each quarter the family "
    "is searched, fitted and calibrated (preset `{preset}`) on the loans whose horizon had passed "
    "when the quarter began, a fifth of them held back as test rows by a hash of the id. "
    "*Estimated* is the confidence-based AUC of the quarter's loans, with the interval of drawn "
    "outcomes; *realised* is their AUC once they had matured; *test* is the AUC of the test rows, "
    "which one would otherwise assume. All loans were approved by the lender: of those that it "
    "declined nothing is said."
)


@dataclass(frozen=True)
class Loans:
    """All loans that have matured by the end of the data [rows]."""

    schema: Schema
    rows: pd.DataFrame
    bad: BadArray
    issued: "pd.Series[pd.Timestamp]"
    horizon: int


@dataclass(frozen=True)
class Quarter:
    """One model and the quarter that it is asked about."""

    family: FamilyName
    name: str
    trained_on: int
    rows: int
    bad_rate: float
    mean_pd: float
    auc: Realised


def load_loans() -> Loans:
    spec = load_spec(DATASET)
    try:
        source = resolve_source(spec)
    except SpecError as error:
        raise BenchmarkError(str(error)) from None
    rows = in_fixed_order(validate(read_rows(source, spec), spec).rows, spec)
    labels = label(rows, spec)
    matured = rows[labels.matured].reset_index(drop=True)
    if spec.time is None or spec.bad.horizon_months is None:
        raise BenchmarkError(f"{DATASET} needs a time column and a horizon")
    return Loans(
        spec, matured, labels.bad[labels.matured], matured[spec.time], spec.bad.horizon_months
    )


def measure(
    options: Options,
    quarters: tuple[str, ...] = QUARTERS,
    families: tuple[FamilyName, ...] = TRAINED,
) -> Result:
    """Measure every family on every quarter."""
    loans, preset = load_loans(), options.preset or "quick"
    result: Result = {**circumstances(*PACKAGES), "preset": preset, "horizon": loans.horizon}
    with threadpool_limits(os.cpu_count() or 1):
        for family in families:
            measured = [_quarter(loans, family, name, preset) for name in quarters]
            for each in measured:
                options.console.print(_line(each), soft_wrap=True)
                result |= _flat(each)
            result |= _errors(family, measured)
    return result


def _quarter(loans: Loans, family: FamilyName, name: str, preset: str) -> Quarter:
    period = pd.Period(name, freq="Q")
    known = known_before(loans.issued, loans.horizon, name)
    inside = np.asarray(loans.issued.dt.to_period("Q") == period)
    trained = _train(loans, known, family, preset)
    scored = Scorer(loans.schema, trained.graph).probabilities(
        from_frame(loans.rows[inside], loans.schema)
    )
    bad, plan = loans.bad[inside], load_settings().training
    made = estimate(scored, 0.5, SAMPLES, plan.seed)
    compared = compare_estimate(made, trained.metrics["test"], bad, scored, 0.5)
    (auc,) = (each for each in compared if each.measure == "auc")
    return Quarter(
        family, name, int(known.sum()), len(bad), float(bad.mean()), float(scored.mean()), auc
    )


def known_before(
    issued: "pd.Series[pd.Timestamp]", horizon: int, quarter: str
) -> NDArray[np.bool_]:
    """Which loans had matured when a quarter began [rows]: nothing else could be trained on."""
    start = pd.Period(quarter, freq="Q").start_time
    return np.asarray(issued + pd.DateOffset(months=horizon) <= start)


def _train(
    loans: Loans, known: NDArray[np.bool_], family: FamilyName, preset: str
) -> TrainedFamily:
    plan = load_settings().training
    rows = loans.rows[known]
    parts = _parts(hash_draws(row_keys(rows, loans.schema), plan.splits.salt), plan.splits)
    development = prepare(rows, loans.bad[known], parts, loans.schema, plan)
    return train_family(family, plan.presets[preset], development, plan)  # type: ignore[index]


def _parts(draws: FloatArray, plan: SplitPlan) -> NDArray[np.object_]:
    part = np.full(len(draws), "train", dtype=object)
    part[draws < plan.test + plan.validation] = "validation"
    part[draws < plan.test] = "test"
    return part


def _flat(quarter: Quarter) -> Result:
    prefix = f"{quarter.family}_{quarter.name}"
    auc = quarter.auc
    values = {
        "trained_on": quarter.trained_on,
        "rows": quarter.rows,
        "bad_rate": quarter.bad_rate,
        "mean_pd": quarter.mean_pd,
        "estimated": auc.estimated.value,
        "estimated_low": auc.estimated.low,
        "estimated_high": auc.estimated.high,
        "realised": auc.realised,
        "test": auc.realised + (auc.assumed_error or 0.0),
        "held": int(auc.held),
    }
    return {f"{prefix}_{name}": round(value, 6) for name, value in values.items()}


def _errors(family: FamilyName, quarters: list[Quarter]) -> Result:
    estimated = [abs(each.auc.error) for each in quarters]
    assumed = [abs(each.auc.assumed_error or 0.0) for each in quarters]
    return {
        f"{family}_error_of_estimate": round(mean(estimated), 6),
        f"{family}_error_of_test_auc": round(mean(assumed), 6),
        f"{family}_bias_of_estimate": round(mean(each.auc.error for each in quarters), 6),
        f"{family}_bias_of_test_auc": round(
            mean(each.auc.assumed_error or 0.0 for each in quarters), 6
        ),
        f"{family}_quarters_held": sum(each.auc.held for each in quarters),
        f"{family}_quarters_closer": sum(
            one < other for one, other in zip(estimated, assumed, strict=True)
        ),
    }


def _line(quarter: Quarter) -> str:
    auc = quarter.auc
    return (
        f"{quarter.family} {quarter.name}: {quarter.rows} loans, estimated {auc.estimated}, "
        f"realised {auc.realised:.4f}, test {auc.realised + (auc.assumed_error or 0.0):.4f}"
    )


def show(result: Result) -> str:
    said = PROTOCOL.format(dataset=DATASET, horizon=result["horizon"], preset=result["preset"])
    parts = [said, "![AUC by quarter](estimation.svg)"]
    for family in families_of(result):
        rows = [_row(result, f"{family}_{name}") for name in quarters_of(result, family)]
        head = [
            "quarter",
            "loans",
            "bad",
            "expected bad",
            "trained on",
            "estimated AUC",
            "realised",
            "test",
            "error of estimate",
            "error of test AUC",
        ]
        parts += [f"### {FAMILIES[family].title}", table(head, rows), _summary(result, family)]
    return "\n\n".join(parts)


def families_of(result: Result) -> list[FamilyName]:
    return [name for name in get_args(FamilyName) if f"{name}_error_of_estimate" in result]


def quarters_of(result: Result, family: FamilyName) -> list[str]:
    return [name for name in QUARTERS if f"{family}_{name}_realised" in result]


def _row(result: Result, prefix: str) -> list[str]:
    def value(name: str) -> float:
        return float(result[f"{prefix}_{name}"])

    return [
        prefix[-6:],
        f"{value('rows'):,.0f}",
        f"{value('bad_rate'):.1%}",
        f"{value('mean_pd'):.1%}",
        f"{value('trained_on'):,.0f}",
        f"{value('estimated'):.3f} [{value('estimated_low'):.3f}, {value('estimated_high'):.3f}]",
        f"{value('realised'):.3f}",
        f"{value('test'):.3f}",
        f"{value('estimated') - value('realised'):+.3f}",
        f"{value('test') - value('realised'):+.3f}",
    ]


def _summary(result: Result, family: FamilyName) -> str:
    def value(name: str) -> float:
        return float(result[f"{family}_{name}"])

    quarters = len(quarters_of(result, family))
    return (
        f"Mean absolute error over {quarters} quarters: {value('error_of_estimate'):.3f} for the "
        f"estimate (mean error {value('bias_of_estimate'):+.3f}), "
        f"{value('error_of_test_auc'):.3f} for the test AUC "
        f"({value('bias_of_test_auc'):+.3f}). The estimate is closer in "
        f"{value('quarters_closer'):.0f} of them, and its interval holds the realised AUC in "
        f"{value('quarters_held'):.0f}."
    )


def draw(result: Result, path: Path) -> None:
    """Estimated, realised and test AUC by quarter, a panel for each family."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    families = families_of(result)
    with mpl.rc_context({"svg.hashsalt": "estimation"}):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        panels = figure.subplots(1, len(families), sharey=True, squeeze=False)[0]
        for axes, family in zip(panels, families, strict=True):
            names = quarters_of(result, family)
            series = {
                part: [float(result[f"{family}_{name}_{part}"]) for name in names]
                for part in ("estimated", "estimated_low", "estimated_high", "realised", "test")
            }
            axes.fill_between(
                names, series["estimated_low"], series["estimated_high"], color="#c6dbef"
            )
            axes.plot(names, series["estimated"], color="#1f77b4", label="estimated")
            axes.plot(names, series["realised"], color="black", marker="o", label="realised")
            axes.plot(names, series["test"], color="#b0b0b0", linestyle="--", label="test AUC")
            axes.set_title(FAMILIES[family].title, fontsize=9)
            axes.tick_params(axis="x", rotation=60)
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("AUC")
        panels[0].legend(frameon=False, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})


BENCHMARK = Benchmark("estimation", "Estimates of AUC without outcomes", measure, show, draw)
