"""Complete, plausible evidence of a small lender's model, for tests of the documents."""

import struct
import zlib
from datetime import date
from typing import Any

from configs.settings import load_settings
from credit.adverse_action import ReasonQuality
from credit.alternatives import Alternative, Alternatives
from credit.baseline import Baseline
from credit.comparison import Compared, Comparison, Difference
from credit.explanation import (
    Agreement,
    Case,
    Contribution,
    Dependence,
    FeatureImportance,
    GlobalExplanation,
    LevelEffect,
    LimeTable,
    LimeTerm,
    LocalExplanation,
    MonotoneCheck,
    Swarm,
)
from credit.exploration import Bin, ColumnProfile, Exploration, SpecialCode
from credit.fairness import ColumnAudit, FairnessAudit, GroupAudit, Worst
from credit.folds import CrossValidation, Fold
from credit.impact import Impact, ProfitCurve, ProfitPoint, Swap, SwapSet
from credit.intervals import Interval
from credit.package import Provenance
from credit.policy import Policy
from credit.promotion import Gate, Verdict
from credit.proxies import Proxies, ProxyGroup, ProxyInput
from credit.reasoning import ReasonCheck
from credit.segments import BandOutcome, ErrorAnalysis, Mistake, Segment
from credit.spec import Schema
from credit.stability import BinShift, Shift, Stability, Vintage
from tasks.documents.evidence import (
    AdverseActionEvidence,
    CalibrationGroup,
    CardEvidence,
    ChampionEvidence,
    DataEvidence,
    FamilyEvidence,
    PartRows,
    ReasonUse,
    ReferenceEvidence,
    ReportEvidence,
    RuleUse,
)
from tasks.documents.sentences import monitoring_plan

SCHEMA = Schema.model_validate(
    {
        "name": "small-lender",
        "version": 3,
        "description": "Will a personal loan be charged off within 18 months?",
        "citation": "Invented rows. No lender & no <person> behind them.",
        "id": "loan",
        "time": "applied",
        "exposure": "amount",
        "bad": {
            "version": 2,
            "event": "status",
            "event_value": "charged off",
            "event_date": "closed",
            "horizon_months": 18,
        },
        "columns": {
            "applied": {"type": "date", "role": "ignore"},
            "amount": {
                "type": "number",
                "unit": "EUR",
                "range": [500, 50000],
                "description": "Amount of the loan",
                "monotone": "increasing",
                "changeable": True,
                "reason": "The amount that you ask for is high",
            },
            "income": {
                "type": "number",
                "unit": "EUR a year",
                "description": "Income before tax",
                "monotone": "decreasing",
                "reason": "Your income is low for this loan",
            },
            "delays": {
                "type": "integer",
                "range": [0, 60],
                "special": {-9: "no record"},
                "description": "Payments late by more than 30 days in two years",
                "monotone": "increasing",
                "reason": "Payments were late",
            },
            "inquiries": {
                "type": "integer",
                "description": "Credit inquiries in six months",
                "counts_inquiries": True,
                "reason": "Many lenders asked about your credit lately",
            },
            "home": {
                "type": "category",
                "levels": {"own": "owns", "rent": "rents", "other": ""},
                "description": "Housing",
                "reason": "Your housing status",
            },
            "sex": {
                "type": "category",
                "role": "protected",
                "attribute": "sex",
                "description": "Sex",
                "levels": {"f": "female", "m": "male"},
            },
            "age": {
                "type": "integer",
                "role": "protected",
                "attribute": "age",
                "description": "Age",
                "groups": [25, 60],
            },
        },
        "derived": {
            "amount_to_income": {
                "expression": "amount / income",
                "description": "Loan against a year's income",
                "monotone": "increasing",
                "reason": "Your income is low for this loan",
            }
        },
        "rules": {
            "too_much_debt": {
                "when": "amount > 2 * income",
                "decision": "decline",
                "reason": "The loan is more than twice your income",
                "description": "Affordability",
            },
            "large_loan": {
                "when": "amount >= 40000",
                "decision": "review",
                "reason": "A person looks at every loan of 40,000 EUR or more",
            },
        },
    }
)
FEATURES = ("delays", "amount_to_income", "income", "inquiries", "home", "amount")
SHARES = (0.36, 0.24, 0.17, 0.12, 0.07, 0.04)


def png(shade: int = 200, width: int = 640, height: int = 420) -> bytes:
    """A grey rectangle."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([shade]) * width) * height
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def around(value: float, half: float) -> Interval:
    """An interval of a width."""
    return Interval(value, value - half, value + half)


def family(name: str, title: str, auc: float, **params: float) -> FamilyEvidence:
    """One family that ranks as well as `auc` says."""
    test = {
        "auc": around(auc - 0.006, 0.013),
        "gini": around(2 * (auc - 0.006) - 1, 0.026),
        "ks": around(auc - 0.36, 0.02),
        "pr_auc": around(0.5381, 0.03),
        "brier": around(0.1352, 0.004),
        "log_loss": around(0.4301, 0.01),
        "rmse": around(0.3677, 0.006),
        "accuracy": around(0.8201, 0.01),
        "majority_accuracy": around(0.7788, 0.011),
        "f1": around(0.4711, 0.026),
        "calibration_error": Interval(0.0123, 0.0031, 0.0162),
        "calibration_slope": around(0.982, 0.06),
        "calibration_intercept": around(-0.0214, 0.07),
    }
    return FamilyEvidence.model_validate(
        {
            "family": name,
            "title": title,
            "params": params,
            "trials": 8,
            "calibrator": "smoothed isotonic regression",
            "validation_auc": around(auc, 0.012),
            "test": test,
            "parity": 6.1e-7,
        }
    )


def group(name: str, rows: int, rate: float, ratio: float | None, **more: Any) -> GroupAudit:
    """One group of a protected column."""
    values: dict[str, Any] = {
        "goods": round(rows * 0.78),
        "bads": rows - round(rows * 0.78),
        "is_reference": False,
        "judged": rows >= 100,
        "impact_ratio": None if ratio is None else around(ratio, 0.04),
        "parity_difference": around(rate - 0.71, 0.03),
        "good_approval_rate": around(rate + 0.06, 0.03),
        "opportunity_ratio": None if ratio is None else around(ratio + 0.01, 0.04),
        "opportunity_difference": around(rate - 0.71, 0.03),
        "bad_approval_rate": around(rate - 0.3, 0.05),
        "odds_difference": around(0.031, 0.02),
    } | more
    return GroupAudit(group=name, rows=rows, approval_rate=around(rate, 0.02), **values)


def audit() -> FairnessAudit:
    """An audit with one breach and one group too small to judge."""
    worst = Worst(
        column="age", group="below 25", against="25 to below 60", rows=412, ratio=around(0.77, 0.05)
    )
    pair = Worst(
        column="sex and age",
        group="male, below 25",
        against="female, 25 to below 60",
        rows=201,
        ratio=around(0.74, 0.08),
    )
    shared: dict[str, Any] = {
        "parity_difference": around(0.05, 0.02),
        "opportunity_difference": around(0.04, 0.02),
        "odds_difference": around(0.05, 0.02),
    }
    sex = ColumnAudit(
        name="sex",
        reference="female",
        reference_stated=False,
        groups=(
            group("female", 3100, 0.71, 1.0, is_reference=True),
            group("male", 2840, 0.66, 0.93),
            group("not stated", 60, 0.6, 0.85),
        ),
        worst=Worst(
            column="sex", group="male", against="female", rows=2840, ratio=around(0.93, 0.03)
        ),
        score=93.0,
        **shared,
    )
    age = ColumnAudit(
        name="age",
        reference="25 to below 60",
        reference_stated=True,
        groups=(
            group("below 25", 412, 0.547, 0.77),
            group("25 to below 60", 5200, 0.71, 1.0, is_reference=True),
            group(
                "60 or more",
                88,
                0.8,
                None,
                good_approval_rate=None,
                opportunity_difference=None,
                odds_difference=None,
            ),
        ),
        worst=worst,
        score=77.0,
        notes=("60 or more: fewer than 100 rows.",),
        **shared,
    )
    return FairnessAudit(
        rows=6000,
        approval_rate=0.69,
        fewest_per_group=100,
        least_impact_ratio=0.8,
        bootstrap_samples=200,
        columns=(sex, age),
        intersections=(
            ColumnAudit(
                name="sex and age",
                reference="female, 25 to below 60",
                reference_stated=False,
                groups=(),
                worst=pair,
                score=74.0,
                **shared,
            ),
        ),
        worst=worst,
        worst_intersection=pair,
        breaches=(worst,),
        score=85.0,
    )


def explanation() -> GlobalExplanation:
    """Six features, the first the strongest."""
    return GlobalExplanation(
        rows=500,
        base=-1.213,
        residual=3.1e-15,
        features=tuple(
            FeatureImportance(
                feature=name,
                importance=share * 1.4,
                share=share,
                direction=None if name == "home" else 0.93,
            )
            for name, share in zip(FEATURES, SHARES, strict=True)
        ),
        swarms=(Swarm(feature="delays", contributions=(0.4, -0.2), ranks=(1.0, 0.0)),),
        dependences=(
            Dependence(
                feature="delays",
                unit="",
                values=(0.0, 1.0),
                contributions=(-0.2, 0.4),
                levels=(LevelEffect(level="no record", rows=12, contribution=0.1),),
            ),
        ),
    )


def card_parts() -> dict[str, Any]:
    """Every part of the model card's evidence by name."""
    decisions = load_settings().decisions
    return {
        "spec": SCHEMA,
        "family": "xgboost",
        "families": (
            family("woe_logistic", "Logistic regression (WoE)", 0.771, bins=12, C=0.1),
            family("xgboost", "XGBoost", 0.784, trees=200, depth=4, l2=3.1415926),
        ),
        "data": DataEvidence(
            parts=(
                PartRows(name="train", rows=18012, bad_rate=0.2212),
                PartRows(name="validation", rows=5988, bad_rate=0.2209),
                PartRows(name="test", rows=6000, bad_rate=0.2214),
                PartRows(name="gap", rows=1201, bad_rate=None),
                PartRows(name="immature", rows=3407, bad_rate=None),
            ),
            rejected=17,
            rejected_share=0.00049,
            warnings=("delays alone ranks with an AUC of 0.91: look for a leak.",),
            notes=("The test is out of time; 1,201 rows of the gap are not used.",),
        ),
        "calibration": tuple(
            CalibrationGroup(rows=600, mean_pd=0.04 + 0.07 * step, bad_rate=0.045 + 0.068 * step)
            for step in range(10)
        ),
        "policy": Policy(
            approve_below=0.164,
            decline_above=0.291,
            scale=decisions.scale,
            costs=decisions.costs,
            chosen="the pair of thresholds that earned most on 5,988 validation rows.",
        ),
        "impact": Impact(
            applications=6000,
            exposure=87_654_321.0,
            approval_rate=around(0.69, 0.012),
            review_rate=around(0.131, 0.008),
            decline_rate=around(0.179, 0.01),
            bad_rate=around(0.108, 0.01),
            profit=around(2_345_678.0, 310_000.0),
            loss=around(3_214_000.0, 280_000.0),
        ),
        "rules": (
            RuleUse(rule="too_much_debt", fired=41, unjudged=3),
            RuleUse(rule="large_loan", fired=112, unjudged=0),
        ),
        "explanation": explanation(),
        "reference": ReferenceEvidence(
            rows=30000,
            features=6,
            judged=11988,
            mean_pd=0.2207,
            decisions={"approve": 0.688, "review": 0.132, "decline": 0.18},
            threshold=0.291,
            baseline=Baseline(
                rows=4140,
                metrics={
                    "accuracy": around(0.892, 0.01),
                    "gini": around(0.311, 0.05),
                    "brier": around(0.094, 0.007),
                },
            ),
        ),
        "monotone": tuple(
            MonotoneCheck(
                feature=name,
                direction=direction,
                rows=200,
                violated=violated,
                largest=0.01 * violated,
            )
            for name, direction, violated in (
                ("amount", "increasing", 0.0),
                ("income", "decreasing", 0.0),
                ("delays", "increasing", 0.0),
                ("amount_to_income", "increasing", 0.035),
            )
        ),
        "reason_check": ReasonCheck(parity=4.4e-8, additivity=2.2e-15),
        "reason_quality": QUALITY,
        "fairness": audit(),
        "mitigation": "none",
        "provenance": Provenance(
            training_data="11" * 32,
            spec="22" * 32,
            config="33" * 32,
            lock="44" * 32,
            runtime={"onnxruntime": "1.22.0", "numpy": "2.2.6"},
        ),
    }


QUALITY = ReasonQuality(
    applications=1074, largest_holds=0.968, given_hold=0.991, without_any=0.004, mean_reasons=3.71
)


def card(**other: Any) -> CardEvidence:
    """The model card's evidence."""
    return CardEvidence.of(**card_parts() | other)


def shift(name: str, psi: float) -> Shift:
    """A shift of that size."""
    return Shift(
        name=name,
        psi=psi,
        excess=max(0.0, psi - 0.004),
        bins=(BinShift(label="all", reference=1.0, current=1.0),),
    )


def case(title: str, row: int, pd: float, decision: str) -> LocalExplanation:
    """One decision explained."""
    return LocalExplanation(
        case=Case(title=title, row=row, probability=pd, decision=decision),
        base=-1.213,
        margin=0.871,
        contributions=tuple(
            Contribution(feature=name, value="4", contribution=share * sign)
            for name, share, sign in zip(FEATURES, SHARES, (1, 1, -1, 1, -1, 1), strict=True)
        ),
        lime=LimeTable(
            terms=(
                LimeTerm(feature="delays", condition="delays > 2", weight=0.41, effect=0.38),
                LimeTerm(feature="home", condition="home: rents", weight=-0.05, effect=-0.02),
            ),
            fidelity=0.71,
            samples=1000,
        ),
        agreement=Agreement(top=5, same_sign=0.8, rank_correlation=0.74),
    )


def comparison() -> Comparison:
    """A challenger that is no worse."""
    profit = Difference.judge(371.2, 390.9, Interval(19.7, -11.0, 50.2), 18.56)
    return Comparison(
        all_rows=Compared(
            rows=6000,
            bads=1328,
            auc=Difference.judge(0.7712, 0.7784, Interval(0.0072, -0.0011, 0.0155), 0.01, 0.088),
            profit=profit,
            non_inferior=True,
            note="",
        ),
        approved=Compared(
            rows=4140,
            bads=447,
            auc=None,
            profit=profit,
            non_inferior=False,
            note="fewer than two bad rows",
        ),
        non_inferior=False,
    )


def verdict() -> Verdict:
    """One gate for a person, the others passed."""
    return Verdict.of(
        (
            Gate(
                name="AUC",
                passed=True,
                value=0.765,
                limit="at least 0.65",
                reason="the lower 95% bound on test is 0.7650, at least 0.65 is asked for",
            ),
            Gate(
                name="calibration slope",
                passed=True,
                value=0.982,
                limit="0.8 to 1.2",
                reason="0.982, 95% interval 0.922 to 1.042, which must touch 0.8 to 1.2",
            ),
            Gate(
                name="adverse-impact ratio",
                passed=False,
                value=0.77,
                limit="at least 0.8",
                reason="0.770 for age: below 25 against 25 to below 60, at least 0.8 is asked for",
                person_may_overlook=True,
            ),
            Gate(name="documents", passed=True, value=None, limit="complete", reason="complete"),
        )
    )


def report_parts() -> dict[str, Any]:
    """Every part of the validation report's evidence by name."""
    settings = load_settings()
    return {
        "card": card(),
        "package": "ab12" * 16,
        "preset": "quick",
        "seed": 20240229,
        "requester": "risk.analyst",
        "validated_on": date(2026, 3, 1),
        "next_validation": date(2027, 3, 1),
        "exploration": exploration(),
        "cross_validation": CrossValidation(
            folds=tuple(
                Fold(rows=3602, bads=797, metrics={"auc": 0.775 + 0.004 * fold, "brier": 0.1361})
                for fold in range(5)
            ),
            mean={"auc": 0.783, "brier": 0.1361},
            deviation={"auc": 0.0063, "brier": 0.0},
        ),
        "stability": Stability(
            reference_rows=18012,
            current_rows=6000,
            score=shift("score", 0.012),
            columns=(shift("inquiries", 0.31), shift("income", 0.131), shift("home", 0.002)),
            vintages=(
                Vintage(
                    period="2023 Q4",
                    rows=2900,
                    bad_rate=0.219,
                    mean_pd=0.223,
                    score=shift("2023 Q4", 0.01),
                ),
            ),
        ),
        "errors": ErrorAnalysis(
            segments=(
                Segment(
                    rule="inquiries > 4 and home is other",
                    rows=212,
                    share=0.0353,
                    bad_rate=0.41,
                    mean_pd=0.342,
                    gap=Interval(0.068, 0.004, 0.131),
                ),
            ),
            confusion=tuple(
                BandOutcome(
                    decision=decision,
                    rows=rows,
                    goods=rows - bads,
                    bads=bads,
                    share=rows / 6000,
                    share_of_goods=(rows - bads) / 4672,
                    share_of_bads=bads / 1328,
                    bad_rate=bads / rows,
                )
                for decision, rows, bads in (
                    ("approve", 4140, 447),
                    ("review", 786, 260),
                    ("decline", 1074, 621),
                )
            ),
            mistakes=(
                Mistake(
                    row=4711,
                    kind="approved bad",
                    pd=0.071,
                    cost=24_750.0,
                    fields={"amount": 45000.0, "income": 91000.0, "delays": None, "home": "own"},
                ),
            ),
        ),
        "cases": (
            case("The most certain decline", 17, 0.912, "decline"),
            case("The closest to the bound", 4020, 0.1641, "review"),
        ),
        "profit_curve": ProfitCurve(
            points=tuple(
                ProfitPoint(
                    threshold=step / 50,
                    approval_rate=min(1.0, step / 40),
                    bad_rate=None if step == 0 else 0.2 * step / 50,
                    profit=1e5 * step * (40 - step),
                )
                for step in range(51)
            )
        ),
        "champion": ChampionEvidence(
            version="0f1e2d3c4b5a",
            title="Logistic regression (WoE)",
            comparison=comparison(),
            swap=SwapSet(
                swapped_in=swap(214, 25, 51_000.0),
                swapped_out=swap(190, 61, -32_000.0),
                stay=swap(3926, 422, 2_300_000.0),
            ),
        ),
        "alternatives": alternatives(),
        "proxies": proxies(),
        "monitoring": monitoring_plan(card(), settings.promotion, settings.fairness),
        "promotion": settings.promotion,
        "verdict": verdict(),
    }


def swap(rows: int, bads: int, profit: float) -> Swap:
    """One side of the swap set."""
    return Swap(
        applications=rows,
        share=rows / 6000,
        bads=bads,
        bad_rate=bads / rows,
        exposure=rows * 14_600.0,
        profit=profit,
    )


def alternatives() -> Alternatives:
    """Two candidates, of which the other is less disparate."""
    return Alternatives(
        chosen="XGBoost",
        auc_tolerance=0.005,
        candidates=(
            Alternative(
                name="Logistic regression (WoE)",
                auc=0.771,
                approval_rate=0.69,
                profit=2_100_000.0,
                impact_ratio=0.83,
                within_tolerance=False,
                auc_cost=0.013,
                profit_cost=245_678.0,
            ),
            Alternative(
                name="XGBoost",
                auc=0.784,
                approval_rate=0.69,
                profit=None,
                impact_ratio=None,
                within_tolerance=True,
                auc_cost=0.0,
                profit_cost=None,
            ),
        ),
        least_disparate="XGBoost",
        sentence="No candidate within the tolerance is less disparate than XGBoost.",
    )


def proxies() -> tuple[Proxies, ...]:
    """Sex can hardly be told, age a little."""
    return (
        Proxies(
            column="sex",
            rows=5000,
            folds=3,
            auc=0.56,
            groups=(ProxyGroup(group="male", rows=2400, auc=0.56),),
            inputs=(ProxyInput(name="income", importance=0.031),),
        ),
        Proxies(
            column="age",
            rows=5000,
            folds=3,
            auc=0.71,
            groups=(ProxyGroup(group="below 25", rows=340, auc=0.71),),
            inputs=(
                ProxyInput(name="income", importance=0.08),
                ProxyInput(name="home", importance=0.05),
            ),
            notes=("60 or more: fewer than 100 rows.",),
        ),
    )


def exploration() -> Exploration:
    """Two columns of the training rows."""
    bins = tuple(
        Bin(
            label=label,
            rows=rows,
            share=rows / 18012,
            bads=bads,
            bad_rate=bads / rows,
            evidence=woe,
        )
        for label, rows, bads, woe in (
            ("missing", 312, 71, 0.04),
            ("no record", 900, 260, 0.36),
            ("below 1", 14100, 2300, -0.37),
            ("1 or more", 2700, 1353, 1.26),
        )
    )
    return Exploration(
        rows=18012,
        bad_rate=0.2212,
        columns=(
            ColumnProfile(
                name="delays",
                kind="integer",
                description="Payments late by more than 30 days in two years",
                unit="",
                missing=0.0173,
                special=(SpecialCode(code=-9, meaning="no record", share=0.05),),
                distinct=14,
                quantiles={"min": 0.0, "5%": 0.0, "50%": 0.0, "95%": 3.0, "max": 22.0},
                mean=0.31,
                deviation=0.9,
                bins=bins,
                information_value=0.412,
            ),
            ColumnProfile(
                name="home",
                kind="category",
                description="Housing",
                unit="",
                missing=0.0,
                special=(),
                distinct=3,
                quantiles={},
                mean=None,
                deviation=None,
                bins=bins,
                information_value=0.021,
            ),
        ),
    )


def report(**other: Any) -> ReportEvidence:
    """The validation report's evidence."""
    return ReportEvidence.of(**report_parts() | other)


def table(**other: Any) -> AdverseActionEvidence:
    """The adverse-action table's evidence."""
    uses = (
        ("The amount that you ask for is high", ("amount",), False, 31, 212, 201),
        (
            "Your income is low for this loan",
            ("income", "amount_to_income"),
            False,
            405,
            900,
            899,
        ),
        ("Payments were late", ("delays",), False, 611, 830, 830),
        ("Many lenders asked about your credit lately", ("inquiries",), True, 27, 410, 402),
        ("Your housing status", ("home",), False, 0, 0, 0),
    )
    keys = ("text", "features", "counts_inquiries", "first", "named", "held")
    parts: dict[str, Any] = {
        "spec": SCHEMA,
        "title": "XGBoost",
        "declined": 1074,
        "uses": tuple(ReasonUse.model_validate(dict(zip(keys, use, strict=True))) for use in uses),
        "quality": QUALITY,
        "rules": (
            RuleUse(rule="too_much_debt", fired=41, unjudged=3),
            RuleUse(rule="large_loan", fired=112, unjudged=0),
        ),
    }
    return AdverseActionEvidence.of(**parts | other)
