"""What the flows return, and `--json` prints."""

from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from credit.impact import Impact
from credit.intervals import Interval
from credit.package import VERSION_DIGITS
from credit.plan import FamilyName, PresetName
from credit.policy import Policy
from credit.promotion import Verdict
from credit.shifts import Level, WindowDrift
from credit.spec import Frozen
from credit.triggers import TriggerName
from services.ledger.reports import PerformanceReport
from services.ledger.retraining import Outcome as RequestOutcome
from services.ledger.retraining import RetrainRequest
from services.ledger.retraining import State as RequestState
from tasks.monitoring.findings import Findings
from tasks.promotion import PromotionResult
from tasks.record import Data, Evaluation, Fit, Published, Tracked, Training


class FamilyResult(Frozen):
    """One line of the leaderboard. Metrics are those of the test rows, with 95% intervals."""

    family: FamilyName
    title: str
    digest: str
    validation_auc: Interval
    metrics: dict[str, Interval]
    trials: int
    parity: float
    seconds: float

    @classmethod
    def of(cls, fit: Fit) -> "FamilyResult":
        """The public part of a fit."""
        return cls(
            family=fit.family,
            title=fit.trained.title,
            digest=fit.digest,
            validation_auc=fit.trained.metrics["validation"]["auc"],
            metrics=dict(fit.test),
            trials=len(fit.trained.trials),
            parity=fit.trained.parity,
            seconds=fit.seconds,
        )


class ChampionResult(Frozen):
    """The chosen family; `version` is what the service answers with."""

    family: FamilyName
    title: str
    version: str
    metrics: dict[str, Interval]


class PackageResult(Frozen):
    """Where a package lies, and its identity."""

    path: Path
    digest: str


class Quarantined(Frozen):
    """Rows that were set aside: how many, their share of all rows, and the file that says why."""

    rows: int
    share: float
    path: Path | None

    @classmethod
    def of(cls, data: Data | Evaluation) -> "Quarantined":
        """What was set aside of a run's rows."""
        return cls(rows=data.rejected, share=data.rejected_share, path=data.quarantine)


class MlflowResult(Frozen):
    """Where MLflow keeps the run; `url` is empty for the embedded store."""

    experiment_id: str
    run_id: str
    url: str
    model_version: str | None = None

    @classmethod
    def of(cls, tracked: Tracked, model_version: str | None = None) -> "MlflowResult":
        """The public part of where a run is tracked."""
        return cls(
            experiment_id=tracked.experiment_id,
            run_id=tracked.run_id,
            url=tracked.url,
            model_version=model_version,
        )


class Seconds(Frozen):
    """How long a training took, and how much of that assessment, examination and documents."""

    total: float
    assessment: float


class TrainingResult(Frozen):
    """What a training came to. The leaderboard is sorted by validation AUC."""

    run_id: str
    dataset: str
    preset: PresetName
    champion: ChampionResult
    leaderboard: tuple[FamilyResult, ...]
    package: PackageResult
    quarantined: Quarantined
    rows: dict[str, int]
    bad_rates: dict[str, float]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    mlflow: MlflowResult
    bento: str
    policy: Policy
    impact: Impact
    currency: str
    fairness_score: float | None
    verdict: Verdict
    promotion: PromotionResult | None
    documents: dict[str, Path]
    deployed: bool
    seconds: Seconds


class EvaluationResult(Frozen):
    """How a package does on rows with known outcomes.

    `warnings` say why the package may have been trained on these rows.
    """

    run_id: str
    dataset: str
    family: str
    package: PackageResult
    rows_from: Literal["test part", "file"]
    rows: int
    bad_rate: float
    metrics: dict[str, Interval]
    quarantined: Quarantined
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    mlflow: MlflowResult


class ReplayResult(Frozen):
    """Decisions that were recomputed, and how many of them came out otherwise."""

    rows: int
    differing: tuple[str, ...]


class DriftCheckResult(Frozen):
    """What a drift check found.

    is_calm: the window is, each decision came out as stored, and nothing was in the way.
    is_judged: the window had enough decisions; else it stays open for the next check, and is calm.
    level: of this window alone. alert: with the window before. columns: those that drifted.
    """

    dataset: str
    package: str
    start: datetime
    end: datetime
    rows: int
    is_calm: bool
    is_judged: bool
    level: Level
    alert: Level
    drift: WindowDrift
    columns: tuple[str, ...]
    replay: ReplayResult | None
    page: Path | None
    anchor: str | None
    problems: tuple[str, ...]


class PerformanceResult(Frozen):
    """How the champion does on matured outcomes; None where they are too few to say.

    rows: matured outcomes within the champion's policy. drops: how much worse it is than its
    baseline. unreported: applications that have passed their horizon and have no outcome.
    """

    run_id: str
    report_id: UUID
    dataset: str
    digest: str
    at: datetime
    rows: int
    bads: int
    accuracy: float | None
    auc: float | None
    observed_to_expected: Interval | None
    drops: dict[str, Interval]
    unreported: int


def training_result(
    training: Training,
    published: Published,
    promotion: PromotionResult | None,
    seconds: Seconds,
) -> TrainingResult:
    """The public part of a training."""
    champion = training.champion
    return TrainingResult(
        run_id=training.run_id,
        dataset=training.dataset,
        preset=training.preset,
        champion=ChampionResult(
            family=champion.family,
            title=champion.trained.title,
            version=champion.digest[:VERSION_DIGITS],
            metrics=dict(champion.test),
        ),
        leaderboard=tuple(FamilyResult.of(each) for each in training.fits),
        package=PackageResult(path=champion.package, digest=champion.digest),
        quarantined=Quarantined.of(training.data),
        rows=dict(training.data.rows),
        bad_rates=dict(training.data.bad_rates),
        warnings=training.data.warnings,
        notes=training.data.notes,
        mlflow=MlflowResult.of(published.tracked, published.version),
        bento=published.bento,
        policy=champion.assessment.policy,
        impact=champion.assessment.impact,
        currency=training.data.dataset.currency,
        fairness_score=champion.assessment.fairness.score,
        verdict=training.verdict,
        promotion=promotion,
        documents=dict(training.documents),
        deployed=promotion is not None and promotion.deployed,
        seconds=seconds,
    )


def evaluation_result(record: Evaluation, package: Path, tracked: Tracked) -> EvaluationResult:
    """The public part of an evaluation."""
    return EvaluationResult(
        run_id=record.run_id,
        dataset=record.dataset,
        family=record.family,
        package=PackageResult(path=package, digest=record.digest),
        rows_from=record.rows_from,
        rows=record.rows,
        bad_rate=record.bad_rate,
        metrics=dict(record.metrics),
        quarantined=Quarantined.of(record),
        warnings=record.warnings,
        notes=record.notes,
        mlflow=MlflowResult.of(tracked),
    )


def drift_check_result(findings: Findings) -> DriftCheckResult:
    """The public part of a drift check."""
    check, replayed = findings.check, findings.replayed
    return DriftCheckResult(
        dataset=check.window.dataset,
        package=check.window.digest,
        start=check.window.start,
        end=check.window.end,
        rows=check.drift.rows,
        is_calm=check.level == "calm"
        and not (findings.problems or (replayed and replayed.differing)),
        is_judged=check.report is not None,
        level=check.level,
        alert=check.alert,
        drift=check.drift,
        columns=tuple(column.shift.name for column in findings.drifted),
        replay=replayed
        and ReplayResult(rows=replayed.rows, differing=tuple(map(str, replayed.differing))),
        page=findings.page,
        anchor=findings.anchor,
        problems=findings.problems,
    )


def performance_result(run_id: str, report: PerformanceReport) -> PerformanceResult:
    """The public part of a performance report."""
    overall = report.report["overall"]
    return PerformanceResult(
        run_id=run_id,
        report_id=report.id,
        dataset=report.dataset,
        digest=report.digest,
        at=report.at,
        rows=overall["rows"],
        bads=overall["bads"],
        accuracy=report.accuracy,
        auc=report.auc,
        observed_to_expected=overall["observed_to_expected"],
        drops=overall["drops"],
        unreported=report.report["unreported"],
    )


class RetrainingResult(Frozen):
    """Where a retrain request stands; `note` says why, and `digest` which package it led to."""

    request: UUID
    dataset: str
    trigger: TriggerName
    reason: str
    requester: str
    state: RequestState
    outcome: RequestOutcome | None
    digest: str | None
    note: str

    @classmethod
    def of(cls, request: RetrainRequest) -> "RetrainingResult":
        """The public part of a request."""
        last = request.last
        return cls(
            request=request.id,
            dataset=request.dataset,
            trigger=request.trigger,
            reason=request.reason,
            requester=request.requester,
            state=request.state,
            outcome=last.outcome if last else None,
            digest=last.digest if last else None,
            note=last.note if last else "",
        )


class DispatchResult(Frozen):
    """What a dispatch found: the open request, if there is one, and how it goes on."""

    dataset: str
    request: UUID | None
    said: str
