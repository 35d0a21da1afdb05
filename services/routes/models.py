"""Which model serves, which ever did, and a person's word on the next one."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from credit.package import VERSION_DIGITS, PackageError
from credit.spec import Schema
from services import contract
from services.bodies import answer, read_as
from services.guard import caller
from services.ledger import ApiKey, Deployment, Promotion
from services.ledger.challengers import shadow_comparison
from services.problems import ProblemError, not_found
from services.promoting import decide, resume_ended, waiting
from services.routes.documented import BODY, GUARDED, body, problems, routes
from services.worker import Worker, worker_of

router = routes("models")


@router.get("/api/model", response_model=contract.ServedModel, responses=problems(*GUARDED))
def served_model(request: Request) -> Response:
    """The model that serves now: since when, why, how it decides, and what it reads."""
    worker = worker_of(request)
    model, policy = worker.model, worker.model.underwriter.policy
    deployment = worker.ledger.current(worker.settings.dataset)
    is_deployed = deployment is not None and deployment.digest == model.digest
    referral = worker.current.referral
    return answer(
        {
            "model": model.identity,
            "deployment": _deployment(deployment) if deployment and is_deployed else None,
            "bands": {
                "approve_below": policy.approve_below,
                "decline_above": policy.decline_above,
                "chosen": policy.chosen,
            },
            "scale": policy.scale.model_dump(),
            "fields": _fields(model.schema),
            "referral": referral
            and {
                "is_on": referral.is_on,
                "at": referral.at,
                "actor": referral.actor,
                "reason": referral.reason,
            },
            "shadow": _shadow(worker, model.digest),
        }
    )


@router.get("/api/model/history", response_model=contract.History, responses=problems(*GUARDED))
def history(request: Request) -> Response:
    """All that ever served, the newest first."""
    worker = worker_of(request)
    deployments = worker.ledger.history(worker.settings.dataset)
    return answer({"deployments": [_deployment(each) for each in deployments]})


@router.post(
    "/api/promotions/{promotion_id}",
    response_model=contract.Promotion,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, *BODY, *GUARDED),
    openapi_extra=body("PromotionAsked"),
)
async def promotion(request: Request, promotion_id: UUID) -> Response:
    """Decide on a waiting promotion; who asked for it may not, unless the settings say so."""
    asked = await read_as(request, contract.PromotionAsked)
    key = caller(request)
    if key is None:
        raise TypeError("the guard lets nobody in here without a key")
    worker = worker_of(request)
    return answer(await run_in_threadpool(_decide, worker, promotion_id, asked, key))


def _decide(
    worker: Worker, promotion_id: UUID, asked: contract.PromotionAsked, key: ApiKey
) -> dict[str, Any]:
    ledger = worker.ledger
    found = _find(worker, promotion_id)
    waited = waiting(ledger.promotions(found.dataset))
    try:
        deployment = decide(found, asked.decision, key, asked.reason, ledger, worker.settings)
    except PackageError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error), kind="package") from None
    notes = resume_ended(ledger, found.dataset, waited)
    ended = _find(worker, promotion_id).decision
    return {
        "id": found.id,
        "dataset": found.dataset,
        "family": found.family,
        "version": found.digest[:VERSION_DIGITS],
        "digest": found.digest,
        "state": "approved" if deployment else "rejected",
        "decided_by": ended and ended.key_owner,
        "reason": ended and ended.reason,
        "deployment": deployment and _deployment(deployment),
        "note": " ".join(notes) or None,
    }


def _find(worker: Worker, promotion_id: UUID) -> Promotion:
    found = next((each for each in worker.ledger.promotions() if each.id == promotion_id), None)
    if found is None:
        raise not_found(f"promotion {promotion_id}")
    return found


def _deployment(row: Deployment) -> dict[str, Any]:
    plain = asdict(row)
    del plain["uri"]  # where it lies may tell more than a client needs to know
    return {**plain, "version": row.digest[:VERSION_DIGITS]}


def _fields(schema: Schema) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": column.type,
            "unit": column.unit,
            "description": column.description,
            "expected": column.expected,
            "missing_allowed": column.missing_allowed,
            "changeable": column.changeable,
        }
        for name, column in schema.fields.items()
    ]


def _shadow(worker: Worker, champion: str) -> dict[str, Any] | None:
    challenger = worker.current.challenger
    if challenger is None:
        return None
    dataset = worker.settings.dataset
    compared = shadow_comparison(worker.ledger, dataset, challenger.digest, champion)
    return {"model": challenger.identity, **compared}
