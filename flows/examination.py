"""The end of a training's work on its champion: examination, comparison, verdict, documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
from prefect.utilities.annotations import quote

from configs.settings import Settings
from credit.assessment import Assessor
from credit.comparison import Compared
from credit.examination import Examination, compare_on, compare_with
from credit.impact import BoolArray
from credit.package import VERSION_DIGITS
from credit.plan import PresetName
from credit.promotion import Challenger, Verdict, judge
from flows.assessment import Assessed
from tasks.assessing import examine_champion, milliseconds_per_decision
from tasks.circumstances import requester, today
from tasks.documents.documents import adverse_action_table, validation_report
from tasks.documents.evidence import (
    AdverseActionEvidence,
    ChampionEvidence,
    ReportEvidence,
    reason_uses,
)
from tasks.documents.rendering import Document
from tasks.documents.sentences import monitoring_plan
from tasks.figures import report_figures
from tasks.incumbent import InProduction, score_with_incumbent


@dataclass(frozen=True)
class Judged:
    """The verdict on a champion, and the documents that say why.

    compared_with: the digest in production; none for a first model.
    """

    verdict: Verdict
    documents: dict[str, Document]
    figures: dict[str, bytes]
    compared_with: str | None


def judge_champion(
    champion: Assessed,
    assessed: Sequence[Assessed],
    test_rows: pd.DataFrame,
    by: Assessor,
    preset: PresetName,
    settings: Settings,
    newest: BoolArray | None = None,
) -> Judged:
    """Examine the champion, hold it against the one in production, and write down the verdict.

    newest: which test rows are of the newest outcomes, if there are any.
    """
    pairs = [(each.trained, each.assessment) for each in assessed]
    examination = examine_champion(
        quote(champion.trained), quote(pairs), quote(test_rows), quote(by)
    )
    incumbent = score_with_incumbent(champion.package.schema, quote(test_rows), settings)
    milliseconds = milliseconds_per_decision(quote(champion.package), quote(by))
    against, problem = _against(incumbent, champion, by, settings)
    verdict = judge(
        _challenger(champion, milliseconds),
        against.comparison if against else None,
        settings.fairness.least_impact_ratio,
        settings.promotion,
        problem,
        _on_newest(incumbent, champion, by, settings, newest),
    )
    figures = champion.figures | report_figures(
        champion.trained,
        champion.assessment,
        examination,
        {each.trained.title: each.trained.test for each in assessed},
        champion.card.currency,
        by,
    )
    report = _report(champion, examination, against, verdict, preset, settings)
    documents = {
        "model-card": Document(champion.package.card, champion.package.card_data),
        "validation-report": validation_report(report, figures),
        "adverse-action": adverse_action_table(_adverse_action(champion)),
    }
    return Judged(verdict, documents, figures, incumbent.digest if incumbent else None)


def _against(
    incumbent: InProduction | None, champion: Assessed, by: Assessor, settings: Settings
) -> tuple[ChampionEvidence | None, str]:
    """The comparison with what is in production, or why there is none."""
    if incumbent is None:
        return None, ""
    if incumbent.scores is None:
        return None, incumbent.problem
    comparison, swap = compare_with(
        incumbent.scores, champion.trained, champion.assessment, settings.promotion, by
    )
    version = incumbent.digest[:VERSION_DIGITS]
    return (
        ChampionEvidence(version=version, title=incumbent.title, comparison=comparison, swap=swap),
        "",
    )


def _on_newest(
    incumbent: InProduction | None,
    champion: Assessed,
    by: Assessor,
    settings: Settings,
    newest: BoolArray | None,
) -> Compared | None:
    if newest is None or incumbent is None or incumbent.scores is None:
        return None
    scores = (incumbent.scores, champion.trained, champion.assessment)
    return compare_on(newest, *scores, settings.promotion, by)


def _challenger(champion: Assessed, milliseconds: float) -> Challenger:
    test, fairness = champion.trained.metrics["test"], champion.assessment.fairness
    worst = fairness.worst
    return Challenger(
        auc=test["auc"],
        calibration_slope=test["calibration_slope"],
        calibration_intercept=test["calibration_intercept"],
        parity=champion.trained.parity,
        milliseconds=milliseconds,
        impact_ratio=worst.ratio.value if worst else None,
        impact_group=f"{worst.column}: {worst.group} against {worst.against}" if worst else "",
        no_impact_ratio=fairness.incomparable,
    )


def _report(
    champion: Assessed,
    examination: Examination,
    against: ChampionEvidence | None,
    verdict: Verdict,
    preset: PresetName,
    settings: Settings,
) -> ReportEvidence:
    validated_on = today()
    return ReportEvidence.of(
        card=champion.card,
        package=champion.package.digest,
        preset=preset,
        seed=settings.training.seed,
        requester=requester(),
        validated_on=validated_on,
        next_validation=_months_later(validated_on, settings.evaluation.months_to_next_validation),
        exploration=examination.exploration,
        cross_validation=examination.cross_validation,
        stability=examination.stability,
        errors=examination.errors,
        cases=examination.cases,
        profit_curve=examination.profit_curve,
        champion=against,
        alternatives=examination.alternatives,
        proxies=examination.proxies,
        promotion=settings.promotion,
        monitoring=monitoring_plan(champion.card, settings.promotion, settings.fairness),
        verdict=verdict,
    )


def _months_later(day: date, months: int) -> date:
    return (pd.Timestamp(day) + pd.DateOffset(months=months)).date()


def _adverse_action(champion: Assessed) -> AdverseActionEvidence:
    card, given = champion.card, champion.assessment.given
    return AdverseActionEvidence.of(
        spec=card.spec,
        title=card.chosen.title,
        declined=len(given),
        uses=reason_uses(card.spec, given),
        quality=card.reason_quality,
        rules=card.rules,
    )
