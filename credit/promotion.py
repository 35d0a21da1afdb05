"""The gate before production: what a challenger must pass, and what only a person may overlook.

Facts are measured elsewhere; here they are judged by the plan, each with its reason. What could
not be measured (not a number) never passes.
"""

import math
from typing import Literal

from credit.comparison import Compared, Comparison, Difference
from credit.intervals import Interval
from credit.plan import PromotionPlan
from credit.spec import Frozen

Overall = Literal["promote", "needs approval", "refuse"]

# What the package was built under; a test holds it against credit.training, which is heavy.
MOST_DIFFERENCE = 1e-5


class Challenger(Frozen):
    """What is known of the model that asks to be promoted, on test rows.

    Attributes:
        parity: largest difference between graph and estimator.
        milliseconds: median of one decision with its reasons.
        impact_ratio: lowest adverse-impact ratio of a judged group; None when none is judged.
        impact_group: which group that is, and against which.
        no_impact_ratio: protected columns with groups to judge whose ratio cannot be computed.
        missing_documents: what the documents lack, by name.
    """

    auc: Interval
    calibration_slope: Interval
    calibration_intercept: Interval
    parity: float
    milliseconds: float
    impact_ratio: float | None
    impact_group: str = ""
    no_impact_ratio: tuple[str, ...] = ()
    missing_documents: tuple[str, ...] = ()


class Gate(Frozen):
    """One gate: what was measured, what was allowed, and the outcome in a sentence.

    Attributes:
        value: what was held against the limit; None where there is no one number.
        unit: of the value; empty where it has none.
        person_may_overlook: a person with an approve key may let the challenger through although
            it does not pass.
    """

    name: str
    passed: bool
    value: float | None
    limit: str
    reason: str
    person_may_overlook: bool = False
    unit: str = ""


class Verdict(Frozen):
    """All gates and what follows from them.

    Attributes:
        overall: promote when all gates are passed, refuse when one failed that nobody may overlook.
        reason: one line: how many gates passed, or why each of the others did not.
    """

    gates: tuple[Gate, ...]
    overall: Overall
    reason: str

    @classmethod
    def of(cls, gates: tuple[Gate, ...]) -> "Verdict":
        """What follows from gates."""
        failed = [gate for gate in gates if not gate.passed]
        if not failed:
            return cls(gates=gates, overall="promote", reason=f"all {len(gates)} gates are passed")
        can_pass = all(gate.person_may_overlook for gate in failed)
        return cls(
            gates=gates,
            overall="needs approval" if can_pass else "refuse",
            reason="; ".join(f"{gate.name}: {gate.reason}" for gate in failed),
        )

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that were not passed."""
        return tuple(gate for gate in self.gates if not gate.passed)


def judge(
    challenger: Challenger,
    comparison: Comparison | None,
    least_impact_ratio: float,
    plan: PromotionPlan,
    incomparable: str = "",
    newest: Compared | None = None,
) -> Verdict:
    """Hold a challenger against the plan.

    A first model has nobody to be compared with, which passes and is said. AUC that cannot be
    compared on rows with too few of a class, and a group that is approved too seldom, are for a
    person to judge; all else that fails is refused.

    Args:
        challenger: what was measured of it.
        comparison: champion against challenger; None when nothing is in production, or when it
            cannot be compared.
        least_impact_ratio: the fairness plan's.
        plan: what is asked for.
        incomparable: why what is in production cannot be compared; then a person decides.
        newest: champion against challenger on the newest outcomes alone, after a retraining.
    """
    return Verdict.of(
        (
            _least_auc(challenger.auc, plan.least_auc),
            *_compared(comparison, incomparable),
            *_on_newest(newest),
            _within("calibration slope", challenger.calibration_slope, plan.calibration_slope),
            _within(
                "calibration intercept",
                challenger.calibration_intercept,
                plan.calibration_intercept,
            ),
            _impact_ratio(challenger, least_impact_ratio),
            _at_most("parity", "graph and model differ by", challenger.parity, MOST_DIFFERENCE),
            _at_most(
                "latency", "a decision takes", challenger.milliseconds, plan.most_milliseconds, "ms"
            ),
            _documents(challenger.missing_documents),
        )
    )


def judge_recalibration(
    challenger: Challenger, newest: Compared, least_impact_ratio: float, plan: PromotionPlan
) -> Verdict:
    """Hold a champion whose intercept was fitted anew against the plan.

    It ranks as the one in production does, so AUC and the slope are not asked for again.

    Args:
        challenger: what was measured of it, on the newest outcomes that it was not fitted on.
        newest: champion against challenger on the same.
        least_impact_ratio: the fairness plan's.
        plan: what is asked for.
    """
    return Verdict.of(
        (
            _profit_not_worse(newest),
            _within(
                "calibration intercept",
                challenger.calibration_intercept,
                plan.calibration_intercept,
            ),
            _impact_ratio(challenger, least_impact_ratio),
            _at_most("parity", "graph and formula differ by", challenger.parity, MOST_DIFFERENCE),
            _at_most(
                "latency", "a decision takes", challenger.milliseconds, plan.most_milliseconds, "ms"
            ),
            _documents(challenger.missing_documents),
        )
    )


def _profit_not_worse(compared: Compared) -> Gate:
    """Few rows prove little: what is proven worse is refused."""
    measured, margin = compared.profit, compared.profit.margin
    high = measured.difference.high
    return Gate(
        name="profit against champion, newest outcomes",
        passed=high >= -margin,
        value=_number(high),
        limit=f"not worse by over {margin:.4g}",
        reason=f"{measured.challenger:.4f} against the champion's {measured.champion:.4f} on "
        f"{compared.rows:,} rows; the upper 95% bound of the difference is {high:.4g}, at least "
        f"{-margin:.4g} is asked for",
    )


def _least_auc(auc: Interval, least: float) -> Gate:
    return Gate(
        name="AUC",
        passed=auc.low >= least,
        value=_number(auc.low),
        limit=f"at least {least:g}",
        reason=f"the lower 95% bound on test is {auc.low:.4f}, at least {least:g} is asked for",
    )


def _compared(comparison: Comparison | None, incomparable: str) -> tuple[Gate, ...]:
    if incomparable:
        return (
            Gate(
                name="champion",
                passed=False,
                value=None,
                limit="non-inferior",
                reason=f"the model in production cannot be compared with: {incomparable}",
                person_may_overlook=True,
            ),
        )
    if comparison is None:
        return (
            Gate(
                name="champion",
                passed=True,
                value=None,
                limit="non-inferior",
                reason="no model is in production, so there is none to compare with",
            ),
        )
    parts = {"all test rows": comparison.all_rows, "approved rows": comparison.approved}
    return tuple(
        gate
        for rows, compared in parts.items()
        for gate in (_auc(rows, compared), _profit(rows, compared))
    )


def _on_newest(compared: Compared | None) -> tuple[Gate, ...]:
    """What is proven worse on the newest outcomes is refused.

    They are few, so the challenger need not be proven non-inferior on them once more: most of a
    95% interval would lie below the margin by chance alone.
    """
    if compared is None:
        return ()
    name = "AUC against champion, newest outcomes"
    if compared.auc is None:
        note = compared.note or "there are none among the test rows"
        return (Gate(name=name, passed=True, value=None, limit="not worse", reason=note),)
    measured, margin = compared.auc, compared.auc.margin
    high = measured.difference.high
    reason = (
        f"{measured.challenger:.4f} against the champion's {measured.champion:.4f} on "
        f"{compared.rows:,} rows; the upper 95% bound of the difference is {high:.4g}, at least "
        f"{-margin:.4g} is asked for"
    )
    return (
        Gate(
            name=name,
            passed=high >= -margin,
            value=_number(high),
            limit=f"not worse by over {margin:.4g}",
            reason=reason,
        ),
    )


def _auc(rows: str, compared: Compared) -> Gate:
    name = f"AUC against champion, {rows}"
    if compared.auc is None:
        return Gate(
            name=name,
            passed=False,
            value=None,
            limit="non-inferior",
            reason=compared.note or "it cannot be compared on these rows",
            person_may_overlook=True,
        )
    return _non_inferior(name, compared.auc)


def _profit(rows: str, compared: Compared) -> Gate:
    name = f"profit against champion, {rows}"
    if compared.rows == 0:
        return Gate(
            name=name,
            passed=True,
            value=None,
            limit="non-inferior",
            reason="there are no such rows, so neither earns on them",
        )
    return _non_inferior(name, compared.profit)


def _non_inferior(name: str, measured: Difference) -> Gate:
    low, margin = measured.difference.low, measured.margin
    return Gate(
        name=name,
        passed=measured.non_inferior,
        value=_number(low),
        limit=f"above {-margin:.4g}",
        reason=f"{measured.challenger:.4f} against the champion's {measured.champion:.4f}; the "
        f"lower 95% bound of the difference is {low:.4g}, above {-margin:.4g} is asked for",
    )


def _within(name: str, measured: Interval, allowed: tuple[float, float]) -> Gate:
    """The 95% interval must touch the range: a small test part alone refuses no model.

    The estimate itself would be outside by chance in one model of five where test rows are few,
    and the whole interval could not be inside.
    """
    low, high = allowed
    return Gate(
        name=name,
        passed=measured.low <= high and measured.high >= low,
        value=_number(measured.value),
        limit=f"{low:g} to {high:g}",
        reason=f"{measured.value:.3f}, 95% interval {measured.low:.3f} to {measured.high:.3f}, "
        f"which must touch {low:g} to {high:g}",
    )


def _impact_ratio(challenger: Challenger, least: float) -> Gate:
    ratio = challenger.impact_ratio
    if challenger.no_impact_ratio:
        columns = ", ".join(challenger.no_impact_ratio)
        passed, reason = False, f"nobody of the reference group of {columns} is approved"
    elif ratio is None:
        passed, reason = True, "no protected group has enough rows to be judged"
    else:
        passed = ratio >= least
        reason = f"{ratio:.3f} for {challenger.impact_group}, at least {least:g} is asked for"
    return Gate(
        name="adverse-impact ratio",
        passed=passed,
        value=_number(ratio),
        limit=f"at least {least:g}",
        reason=reason,
        person_may_overlook=True,
    )


def _at_most(name: str, what: str, value: float, most: float, unit: str = "") -> Gate:
    written = f" {unit}" if unit else ""
    return Gate(
        name=name,
        passed=value <= most,
        value=_number(value),
        limit=f"at most {most:g}{written}",
        reason=f"{what} {value:.3g}{written}, at most {most:g}{written} is allowed",
        unit=unit,
    )


def _documents(missing: tuple[str, ...]) -> Gate:
    return Gate(
        name="documents",
        passed=not missing,
        value=None,
        limit="complete",
        reason=f"missing: {', '.join(missing)}" if missing else "complete",
    )


def _number(value: float | None) -> float | None:
    """None for what JSON cannot say."""
    return value if value is not None and math.isfinite(value) else None
