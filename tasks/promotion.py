"""Asking for a champion to be put in production, and what became of that."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import deployment
from prefect.settings import PREFECT_API_URL

from configs.settings import Settings
from configs.urls import without_credentials
from credit.package import VERSION_DIGITS
from credit.promotion import Gate, Verdict
from credit.spec import Frozen
from services.ledger import Candidate, Promotion, open_ledger
from tasks.record import Training
from tasks.tracking import follow_ledger


class PromotionResult(Frozen):
    """What became of a champion.

    Attributes:
        state: `unchanged` when that very package was in production already; `lapsed` when nobody
            decided in time or the model in production changed before.
        id: the promotion in the ledger; None when unchanged.
        approver: whose key let it in; None when the gates alone did.
        expires_at: until when a person may decide.
    """

    state: Literal["unchanged", "approved", "waiting", "rejected", "lapsed", "refused"]
    digest: str
    reason: str
    id: UUID | None = None
    approver: str | None = None
    expires_at: datetime | None = None

    @property
    def deployed(self) -> bool:
        """Whether the package was put, or was already, in production."""
        return self.state in ("unchanged", "approved")

    @classmethod
    def of(cls, promotion: Promotion) -> "PromotionResult":
        """The public part of a promotion, at this moment."""
        decision = promotion.decision
        return cls(
            state=promotion.state(datetime.now(UTC)),
            digest=promotion.digest,
            reason=decision.reason if decision else promotion.verdict["reason"],
            id=promotion.id,
            approver=decision.key_owner if decision else None,
            expires_at=promotion.expires_at,
        )


@task(
    name="request promotion",
    task_run_name="request promotion of {candidate.family} for {candidate.dataset}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 5],
)
def request_promotion(
    candidate: Candidate, verdict: Verdict, settings: Settings
) -> PromotionResult:
    """Store the request with its verdict; asking again changes nothing.

    Where approval is automatic and all gates are passed, the deployment is stored with it.
    """
    plan = settings.promotion
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        promotion = ledger.request(
            candidate, verdict.model_dump(mode="json"), plan.approval, plan.approval_days
        )
    if promotion is None:
        return PromotionResult(
            state="unchanged", digest=candidate.digest, reason="this package is in production"
        )
    return PromotionResult.of(promotion)


@task(name="publish verdict", cache_policy=NO_CACHE)
def publish_verdict(dataset: str, verdict: Verdict, result: PromotionResult) -> None:
    """Every gate with its reason, and how to decide where a person must."""
    create_table_artifact(
        verdict_table(verdict.gates),
        key=f"{dataset}-verdict",
        description=f"**{verdict.overall}** — version {result.digest[:VERSION_DIGITS]} "
        f"{state_text(result)}",
    )


@task(
    name="name champion",
    task_run_name="name the champion of {dataset}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[2, 10],
)
def follow_champion(dataset: str, settings: Settings) -> None:
    """Point MLflow's alias at what the ledger has in production; it may lag, but never lead."""
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        current = ledger.current(dataset)
    if current and follow_ledger(dataset, current.digest, settings) is None:
        get_run_logger().warning("MLflow has no version of %s", current.digest[:VERSION_DIGITS])


def promotion_of_run(run_id: str, settings: Settings) -> Promotion | None:
    """What this run asked for before it was suspended or tried again."""
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        return ledger.promotion_of_run(run_id)


def candidate(training: Training, champion: str | None, settings: Settings) -> Candidate:
    """The champion of a training as it asks for production.

    Args:
        training: what was trained.
        champion: the digest in production that it was compared with; None when there was none.
        settings: where home is.
    """
    chosen = training.champion
    return Candidate(
        dataset=training.dataset,
        digest=chosen.digest,
        uri=chosen.package.relative_to(settings.home).as_posix(),
        family=chosen.family,
        run_id=training.run_id,
        requester=training.requester,
        reason=f"champion of training {training.run_id} ({training.preset})",
        champion=champion,
        api_url=api_url(),
    )


def api_url() -> str | None:
    """Prefect's API where this run can be resumed; none for a run without a deployment."""
    url = PREFECT_API_URL.value()
    return without_credentials(url) if deployment.id and url else None


def verdict_table(gates: Sequence[Gate]) -> list[dict[str, str]]:
    """One row for each gate."""
    return [
        {
            "Gate": gate.name,
            "Passed": "yes"
            if gate.passed
            else "for a person"
            if gate.person_may_overlook
            else "no",
            "Limit": gate.limit,
            "Reason": gate.reason,
        }
        for gate in gates
    ]


def state_text(result: PromotionResult) -> str:
    """What became of a champion, in a line."""
    match result.state:
        case "unchanged":
            return "is in production already"
        case "approved":
            by = f" by {result.approver}" if result.approver else ""
            return f"is in production, approved{by}: {result.reason}"
        case "waiting":
            return (
                f"waits until {result.expires_at:%Y-%m-%d %H:%M} UTC for a person with an approve "
                f'key: `creditloop promote {result.id} --why "..."` or the same with --reject '
                f"({result.reason})"
            )
        case "rejected":
            return f"was rejected by {result.approver}: {result.reason}"
        case "lapsed":
            return f"was not put in production: {result.reason}"
        case _:
            return f"was refused by the gates: {result.reason}"
