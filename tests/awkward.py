"""A small data set that has everything which breaks a scoring graph."""

from dataclasses import replace

import numpy as np
import pandas as pd

from configs.settings import load_settings
from credit.assessment import Assessor, Portfolio
from credit.features import Applications
from credit.groups import Groups
from credit.plan import FamilyName, Preset, TrainingPlan
from credit.spec import Schema
from credit.training import Development, Part, prepare

SCHEMA = Schema.model_validate(
    {
        "name": "awkward",
        "bad": {"target": "bad"},
        "columns": {
            "income": {"type": "number", "monotone": "decreasing", "reason": "income"},
            "delay": {
                "type": "integer",
                "special": {-9: "no record", -1: "never late"},
                "monotone": "increasing",
                "reason": "delay",
            },
            "balance": {"type": "number", "reason": "balance"},
            "limit": {"type": "number", "reason": "limit"},
            "constant": {"type": "number", "reason": "constant"},
            "home": {"type": "category", "reason": "home"},
            "region": {"type": "category", "reason": "region"},
            "applied": {"type": "date", "role": "ignore"},
            "opened": {"type": "date", "role": "ignore"},
            "sex": {"type": "category", "role": "protected"},
        },
        "derived": {
            "utilisation": {"expression": "balance / limit", "reason": "utilisation"},
            "months_known": {"expression": "months_between(applied, opened)", "reason": "known"},
            "worst": {"expression": "max(delay, balance / 1000, 0) - min(delay, 3)", "reason": "w"},
            "excess": {"expression": "abs(coalesce(balance, limit, 1) - 2 * limit)", "reason": "e"},
        },
    }
)


def rows(count: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Validated rows and labels: gaps, special codes, rare levels, zero limits, a constant."""
    draw = np.random.default_rng(seed)
    income = draw.lognormal(10, 0.7, count)
    delay = draw.choice([-9.0, -1.0, 0.0, 1.0, 2.0, 5.0], count, p=[0.2, 0.3, 0.2, 0.1, 0.1, 0.1])
    balance, limit = draw.normal(2000, 3000, count), draw.choice([0.0, 1000.0, 5000.0], count)
    home = draw.choice(["own", "rent", "free"], count, p=[0.5, 0.49, 0.01]).astype(object)
    region = draw.choice(["north", "south", "süd-öst"], count).astype(object)
    log_odds = -1.5 - 1.0 * np.log(income / 22000) + 0.9 * np.maximum(delay, 0)
    log_odds += 0.8 * (home == "rent") + 1.5 * (delay == -9)
    bad = (draw.random(count) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    frame = pd.DataFrame(
        {
            "income": np.where(draw.random(count) < 0.1, np.nan, income),
            "delay": np.where(draw.random(count) < 0.1, np.nan, delay),
            "balance": np.where(draw.random(count) < 0.2, np.nan, balance),
            "limit": limit,
            "constant": np.ones(count),
            "home": np.where(draw.random(count) < 0.05, None, home),
            "region": region,
            "applied": pd.Timestamp("2024-06-01")
            + pd.to_timedelta(draw.integers(0, 60, count), "D"),
            "opened": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(draw.integers(0, 900, count), "D"),
        }
    )
    frame.loc[draw.random(count) < 0.1, "opened"] = pd.NaT
    return frame, bad


def unseen(count: int, seed: int = 1) -> pd.DataFrame:
    """Rows such as no training row was: new levels, no values at all, huge and tiny numbers."""
    frame, _ = rows(count, seed)
    frame.loc[::7, "home"] = "houseboat"
    frame.loc[::11, ["income", "delay", "balance", "limit", "constant"]] = np.nan
    frame.loc[::13, "balance"] = 1e300
    frame.loc[::17, "limit"] = -1e-300
    frame.loc[::19, "delay"] = 7
    frame.loc[::23, ["home", "region"]] = None
    return frame


def parts(count: int) -> np.ndarray:
    """The part of each row."""
    return np.array((["train"] * 3 + ["validation", "test"]) * (count // 5), dtype=object)


def development(count: int = 1500, schema: Schema = SCHEMA) -> Development:
    """The rows, split and ready for models."""
    frame, bad = rows(count)
    return prepare(frame, bad, parts(count), schema, plan())


def assessor(count: int = 1500, schema: Schema = SCHEMA) -> Assessor:
    """What a family of these rows is assessed on; protected columns split the rows in halves."""
    ready, settings = development(count, schema), load_settings()

    def portfolio(part: Part) -> Portfolio:
        halves = Groups(("even", "odd"), np.arange(len(part)) % 2, ("even",))
        return Portfolio(part, np.ones(len(part)), dict.fromkeys(schema.protected, halves))

    return Assessor(
        development=ready,
        train=portfolio(ready.train),
        validation=portfolio(ready.validation),
        test=portfolio(ready.test),
        decisions=settings.decisions,
        fairness=settings.fairness.model_copy(update={"bootstrap_samples": 20}),
        evaluation=settings.evaluation.model_copy(update={"folds": 3, "explained_rows": 50}),
        bootstrap_samples=20,
        fewest_bads_for_isotonic=1000,
        seed=0,
        threads=1,
    )


def with_constant(by: Assessor, value: float) -> Assessor:
    """Test rows whose constant column holds another value, which no model makes a difference of."""
    part = by.test.part
    numbers = part.applications.numbers.copy()
    numbers[:, by.development.feature_map.schema.number_fields.index("constant")] = value
    applications = Applications(numbers, part.applications.categories)
    return replace(by, test=replace(by.test, part=replace(part, applications=applications)))


def plan() -> TrainingPlan:
    """The default plan with few bootstrap samples."""
    return load_settings().training.model_copy(update={"bootstrap_samples": 20})


def preset() -> Preset:
    """One small candidate for each family."""
    small: dict[FamilyName, dict[str, object]] = {
        "woe_logistic": {"search": {"method": "grid", "values": {"C": [1.0]}}},
        "pca_logistic": {"search": {"method": "grid", "values": {"variance": [0.95]}}},
        "random_forest": {
            "fixed": {"trees": 10},
            "search": {"method": "grid", "values": {"min_leaf": [10]}},
        },
        "xgboost": {
            "fixed": {"trees": 20},
            "search": {
                "method": "bayesian",
                "trials": 2,
                "values": {"depth": {"low": 2, "high": 4, "integer": True}},
            },
        },
        "network": {"search": {"method": "grid", "values": {"width": [8]}}},
    }
    return Preset.model_validate({"folds": 2, "families": small})
