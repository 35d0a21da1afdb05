"""Decisions on applications, and why they are as they are."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from time import perf_counter
from typing import Any

import orjson
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from credit.package import PackageError
from services.application import Application
from services.bodies import BYTES_A_ROW, LARGEST_BODY, answer, checked, read_json
from services.contract import Batch, Explained, ExplainStored, Prediction
from services.deciding import Decided
from services.guard import caller
from services.idempotency import asked_key, body_hash, claim
from services.ledger import LedgerError
from services.ledger.decisions import StoredDecision, find_decision
from services.ledger.journal import JournalFullError
from services.logs import note
from services.model import ServedModel
from services.problems import FieldProblem, ProblemError, invalid, not_found, shown
from services.routes.documented import (
    BODY,
    GUARDED,
    IDEMPOTENCY_KEY,
    Direct,
    body,
    links,
    problems,
    routes,
)
from services.worker import Worker, worker_of

router = routes("scoring", Direct)

# Between two slices of a batch single requests are answered.
SLICE = 500
REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` where the answer was stored for an earlier request.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


@router.post(
    "/api/predict",
    response_model=Prediction,
    responses={
        200: {"headers": REPLAYED, "links": links("$response.body#/id")},
        **problems(HTTPStatus.CONFLICT, *BODY, *GUARDED),
    },
    openapi_extra={"parameters": [IDEMPOTENCY_KEY], **body("ApplicationAsked")},
)
async def predict(request: Request) -> Response:
    """Decide on one application; the answer comes when the decision is stored."""
    worker = worker_of(request)
    model = worker.model
    content = await read_json(request)
    wants_explanation = _take_explain(content)
    application = _claimed(model.reader.read(content), content, model, request)
    started = perf_counter()
    ask = "all" if wants_explanation else worker.ask
    (decided,) = await worker.desk.decide(model, [application], ask)
    if decided.answer is None:
        raise _conflict(decided)
    stored = decided.answer
    note(request.scope, decision=str(stored["id"]), version=stored["model"]["version"])
    if not decided.is_repeated:
        worker.telemetry.predicted([stored["decision"]], model.version, perf_counter() - started)
    if wants_explanation:
        stored = stored | await _beside(worker, stored, application)
    response = answer(stored)
    if decided.is_repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@router.post(
    "/api/predict/batch",
    response_model=Batch,
    responses=problems(*BODY, *GUARDED),
    openapi_extra={"parameters": [IDEMPOTENCY_KEY], **body("BatchAsked")},
)
async def predict_batch(request: Request) -> Response:
    """Decide on many applications; each succeeds or fails on its own."""
    worker = worker_of(request)
    model, most = worker.model, worker.settings.serving.most_rows
    asked_key(request)  # one that is wrong is so whatever the rows are
    rows = _rows(await read_json(request, LARGEST_BODY + most * BYTES_A_ROW), most)
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), SLICE):
        some = rows[start : start + SLICE]
        answers += await _decide_slice(worker, model, start, some, request)
    note(request.scope, decisions=sum("decision" in row for row in answers), version=model.version)
    return answer({"rows": answers})


@router.post(
    "/api/explain",
    response_model=Explained,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.GONE, *BODY, *GUARDED),
    openapi_extra=body("ExplainAsked"),
)
async def explain(request: Request) -> Response:
    """All contributions to the margin of an application, or of a stored decision."""
    worker = worker_of(request)
    content = await read_json(request)
    if isinstance(content, dict) and "decision_id" in content:
        decision_id = checked(content, ExplainStored).decision_id
        stored = await run_in_threadpool(find_decision, worker.ledger, decision_id)
        if stored is None:
            raise not_found(f"decision {decision_id}")
        return answer(await _explain_stored(worker, stored))
    model = worker.model
    application = model.reader.read(content)
    explained = await worker.explainer.explain(model.digest, application.fields)
    return answer({"model": model.identity, "decision_id": None, **explained})


def _take_explain(content: object) -> bool:
    """Whether an explanation is asked for; what is left is what the request is known by."""
    if not isinstance(content, dict):
        return False
    wanted = content.pop("explain", False)
    if not isinstance(wanted, bool):
        problem = FieldProblem("explain", shown(wanted), "true or false")
        raise invalid([problem], "invalid-application")
    return wanted


def _claimed(
    application: Application,
    content: object,
    model: ServedModel,
    request: Request,
    row: int | None = None,
) -> Application:
    """The application with what makes it the same as an earlier one, if anything does."""
    words = asked_key(request)
    if words is None and application.application_id is None:
        return application
    claims = []
    if application.application_id is not None:
        claims.append(claim("application", model.identity["dataset"], application.application_id))
    if words is not None:
        key = caller(request)
        owner = key.id if key else ""
        parts = ("key", owner) if row is None else ("row", owner, str(row))
        claims.append(claim(*parts, words))
    return replace(application, claims=tuple(claims), body_hash=body_hash(content))


def _conflict(decided: Decided) -> ProblemError:
    return ProblemError(
        HTTPStatus.CONFLICT,
        f"decision {decided.earlier} was made on other content under the same application_id or "
        "Idempotency-Key; send a new one for a new application",
        kind="other-content",
        decision_id=decided.earlier,
    )


async def _beside(worker: Worker, stored: dict[str, Any], application: Application) -> Any:
    """What `explain` adds to an answer, by the package that decided."""
    explained = await worker.explainer.explain(stored["model"]["digest"], application.fields)
    return {
        name: explained[name] for name in ("explanation", "recourse") if explained[name] is not None
    }


async def _explain_stored(worker: Worker, stored: StoredDecision) -> dict[str, Any]:
    if stored.payload is None:
        raise ProblemError(
            HTTPStatus.GONE, f"decision {stored.id} was purged; what it was made on is not kept"
        )
    payload = orjson.loads(stored.payload)
    try:
        explained = await worker.explainer.explain(stored.digest, payload["fields"])
    except PackageError as error:
        raise ProblemError(HTTPStatus.GONE, str(error)) from None
    return {"model": payload["answer"]["model"], "decision_id": stored.id, **explained}


def _rows(content: object, most: int) -> list[object]:
    """The applications of a batch, not checked yet."""
    if not isinstance(content, dict):
        raise invalid([FieldProblem("body", shown(content), "an object")], "invalid-batch")
    rows = content.pop("applications", None)
    faults = [
        FieldProblem(str(name), shown(value), "no such field; remove it")
        for name, value in content.items()
    ]
    if not isinstance(rows, list) or not 1 <= len(rows) <= most:
        got = "nothing" if rows is None else shown(rows)
        faults.append(FieldProblem("applications", got, f"a list of 1 to {most} applications"))
        raise invalid(faults, "invalid-batch")
    if faults:
        raise invalid(faults, "invalid-batch")
    return rows


async def _decide_slice(
    worker: Worker, model: ServedModel, start: int, rows: Sequence[object], request: Request
) -> list[dict[str, Any]]:
    """What becomes of each row; those that cannot be stored now have a problem that says so."""
    read = model.reader.read_many(rows)
    good = {
        row: _claimed(application, rows[row], model, request, start + row)
        for row, application in enumerate(read)
        if isinstance(application, Application)
    }
    started = perf_counter()
    fates: Sequence[Decided | ProblemError]
    try:
        decided = await worker.desk.decide(model, list(good.values()), worker.ask) if good else []
    except (JournalFullError, LedgerError) as error:
        if start == 0:
            raise
        fates = [worker.not_stored(error)] * len(good)
    else:
        _count(worker, model, decided, perf_counter() - started)
        fates = decided
    by_row: dict[int, Decided | ProblemError] = dict(zip(good, fates, strict=True))
    by_row |= {row: each for row, each in enumerate(read) if isinstance(each, ProblemError)}
    return [{"row": start + row, **_fate(by_row[row])} for row in range(len(rows))]


def _count(worker: Worker, model: ServedModel, decided: list[Decided], seconds: float) -> None:
    new = [each.answer["decision"] for each in decided if each.answer and not each.is_repeated]
    if new:
        worker.telemetry.predicted(new, model.version, seconds)


def _fate(fate: Decided | ProblemError) -> dict[str, Any]:
    if isinstance(fate, ProblemError):
        return {"problem": fate.content()}
    if fate.answer is None:
        return {"problem": _conflict(fate).content()}
    return {"decision": fate.answer}
