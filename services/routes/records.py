"""Stored decisions, and what was added to them: outcomes, reviews, protected attributes."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from services import contract
from services.bodies import answer, read_as
from services.guard import caller
from services.ledger.decision_history import DecisionHistory, decision_history
from services.ledger.outcomes import NewOutcome, report_outcomes
from services.ledger.protected import read_protected
from services.ledger.reviews import review
from services.people import user
from services.problems import not_found
from services.routes.documented import BODY, GUARDED, body, problems, routes
from services.worker import worker_of

router = routes("records")


@router.post(
    "/api/outcomes",
    response_model=contract.Outcomes,
    responses=problems(*BODY, *GUARDED),
    openapi_extra=body("NewOutcomes"),
)
async def outcomes(request: Request) -> Response:
    """Report what became of loans; those of unknown decisions are not stored, the others are."""
    reported = (await read_as(request, contract.NewOutcomes)).outcomes
    key = caller(request)
    new = [NewOutcome(each.decision_id, each.bad, each.observed_on, each.note) for each in reported]
    fates = await run_in_threadpool(
        report_outcomes, worker_of(request).ledger, new, key.owner if key else user()
    )
    rows = [
        {"decision_id": each.decision_id, "fate": fate}
        for each, fate in zip(reported, fates, strict=True)
    ]
    return answer({"outcomes": rows})


@router.post(
    "/api/reviews",
    response_model=contract.Review,
    responses=problems(HTTPStatus.NOT_FOUND, *BODY, *GUARDED),
    openapi_extra=body("NewReview"),
)
async def reviews(request: Request) -> Response:
    """Store what a person decided on a referred application, or against the model, and why."""
    asked = await read_as(request, contract.NewReview)
    stored = await run_in_threadpool(
        review,
        worker_of(request).ledger,
        asked.decision_id,
        asked.decision,
        asked.reason,
        caller(request),
    )
    return answer(asdict(stored))


@router.get(
    "/api/decisions/{decision_id}",
    response_model=contract.StoredDecision,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, *GUARDED),
)
def decision(request: Request, decision_id: UUID) -> Response:
    """One decision as it is stored, with reviews, outcomes and a challenger's scores."""
    return answer(_plain(decision_history(worker_of(request).ledger, decision_id)))


@router.get(
    "/api/decisions/{decision_id}/protected",
    response_model=contract.ProtectedAttributes,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, *GUARDED),
)
def protected(request: Request, decision_id: UUID) -> Response:
    """The protected attributes that came with an application; no model has seen them."""
    key = caller(request)
    if key is None:
        raise TypeError("the guard lets nobody in here without a key")
    found = read_protected(worker_of(request).ledger, [decision_id], key)
    if decision_id not in found:
        raise not_found(f"decision {decision_id}, or it came without protected attributes")
    return answer({"decision_id": decision_id, "attributes": found[decision_id]})


def _plain(history: DecisionHistory) -> dict[str, Any]:
    stored = history.decision
    payload = orjson.loads(stored.payload) if stored.payload else None
    return {
        "id": stored.id,
        "decided_at": stored.at,
        "dataset": stored.dataset,
        "digest": stored.digest,
        "decision": stored.decision,
        "score": stored.score,
        "probability_of_default": stored.probability,
        "application_id": stored.application_id,
        "is_purged": payload is None,
        "features": payload and payload["fields"],
        "is_referred": payload and payload["referred"],
        "reasons": payload and payload["answer"]["reasons"],
        "place": {
            "chain": stored.chain,
            "position": stored.position,
            "payload_hash": stored.payload_hash,
            "hash": stored.hash,
        },
        "reviews": [asdict(each) for each in history.reviews],
        "outcomes": [asdict(each) for each in history.outcomes],
        "shadows": [
            {
                "digest": each.digest,
                "at": each.at,
                "probability_of_default": each.probability,
                "score": each.score,
                "decision": each.decision,
            }
            for each in history.shadows
        ],
        "holds": [
            {"at": each.at, "is_on": each.is_on, "actor": each.actor, "reason": each.reason}
            for each in history.holds
        ],
    }
