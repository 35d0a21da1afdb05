"""The end of a training: the gates' verdict, and the wait for a person's decision.

The decision itself, and the deployment with it, is one transaction in the ledger, made by the
gates or by `creditloop promote`. A run only asks, waits and finds out: whoever resumes it without
a decision in the ledger makes it wait again.
"""

import math
from datetime import UTC, datetime
from uuid import uuid4

from prefect import State, get_run_logger, suspend_flow_run
from prefect.runtime import deployment
from prefect.states import Completed

from configs.settings import Settings
from credit.package import VERSION_DIGITS
from credit.promotion import Verdict
from services.ledger import Candidate
from tasks.circumstances import run_id
from tasks.promotion import (
    PromotionResult,
    follow_champion,
    promotion_of_run,
    publish_verdict,
    request_promotion,
    state_text,
)

# The ledger's clock decides what has lapsed, so Prefect waits a little longer.
GRACE_SECONDS = 3600


def promote(candidate: Candidate, verdict: Verdict, settings: Settings) -> PromotionResult:
    """Ask for production; what the gates let in alone is there when this returns."""
    result = request_promotion(candidate, verdict, settings)
    publish_verdict(candidate.dataset, verdict, result)
    if result.deployed:
        follow_champion(candidate.dataset, settings)
    _log(result)
    return result


def wait_for_decision(result: PromotionResult) -> None:
    """Suspend a deployment's run whose champion waits; other runs end and leave it waiting.

    A suspended run frees its worker. It begins anew when it is resumed: see `concluded`.
    """
    if result.state != "waiting" or deployment.id is None:
        return
    left = (result.expires_at - datetime.now(UTC)).total_seconds()
    # A key of its own for each wait: Prefect lets a run pass a wait that it has passed before.
    suspend_flow_run(timeout=math.ceil(max(left, 0)) + GRACE_SECONDS, key=str(uuid4()))


def concluded(settings: Settings) -> State[None] | None:
    """How this run ends when it has asked for production before; None when it has not.

    A run that is resumed, or that is tried again after a crash, trains nothing twice: it goes on
    waiting, or ends with what was decided.
    """
    promotion = promotion_of_run(run_id(), settings)
    if promotion is None:
        return None
    result = PromotionResult.of(promotion)
    _log(result)
    wait_for_decision(result)
    follow_champion(promotion.dataset, settings)
    return Completed(
        name=result.state.capitalize(),
        message=f"version {result.digest[:VERSION_DIGITS]} {state_text(result)}",
    )


def _log(result: PromotionResult) -> None:
    get_run_logger().info("version %s %s", result.digest[:VERSION_DIGITS], state_text(result))
