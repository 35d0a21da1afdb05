"""Errors as RFC 9457 problem+json, without tracebacks, and without applicants' values in logs."""

import json
import logging
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:creditloop:"
RETRY_SECONDS = 1
LONGEST_GOT = 80
MOST_ERRORS = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FieldProblem:
    """One bad field: its name, what was got (cut short), and what is allowed."""

    field: str
    got: str
    expected: str


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        status: the HTTP status.
        detail: one line saying what to do.
        kind: a stable name for programs to recognise; empty where the status says it all.
        errors: the bad fields.
        headers: further response headers.
        decision_id: the earlier decision that the request is in conflict with.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        kind: str = "",
        errors: Sequence[FieldProblem] = (),
        headers: dict[str, str] | None = None,
        decision_id: UUID | None = None,
    ):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = errors
        self.headers = headers
        self.decision_id = decision_id

    def content(self) -> dict[str, object]:
        """The problem as JSON."""
        content: dict[str, object] = {
            "type": TYPE_PREFIX + self.kind if self.kind else "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = [asdict(error) for error in self.errors]
        if self.decision_id:
            content["decision_id"] = self.decision_id
        return content

    def response(self) -> Response:
        """The problem as a response."""
        return Response(
            orjson.dumps(self.content()), self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


def unavailable(detail: str, kind: str = "") -> ProblemError:
    """503: it may work in a moment."""
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind, headers=headers)


def not_found(what: str) -> ProblemError:
    """404: `what` is not there."""
    return ProblemError(HTTPStatus.NOT_FOUND, f"there is no {what}")


def invalid(fields: Sequence[FieldProblem], kind: str) -> ProblemError:
    """422, naming fields that are wrong; of very many the first ones."""
    count = len(fields)
    detail = "1 field is wrong" if count == 1 else f"{count} fields are wrong"
    if count > MOST_ERRORS:
        detail += f"; the first {MOST_ERRORS} are listed"
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{detail}; /docs lists what is allowed",
        kind,
        fields[:MOST_ERRORS],
    )


async def answer_http_error(request: Request, error: Exception) -> Response:
    """FastAPI's handler of the errors that Starlette raises by itself, such as 405."""
    if not isinstance(error, HTTPException):
        raise TypeError(f"{type(error).__name__} on {request.url.path} is no HTTP error")
    headers = dict(error.headers) if error.headers else None
    return ProblemError(HTTPStatus(error.status_code), error.detail, headers=headers).response()


async def answer_problem(request: Request, error: Exception) -> Response:
    """FastAPI's handler of `ProblemError`."""
    if not isinstance(error, ProblemError):
        raise TypeError(f"{type(error).__name__} on {request.url.path} is no problem")
    return error.response()


async def answer_bad_parameters(request: Request, error: Exception) -> Response:
    """FastAPI's handler of paths and queries that do not fit."""
    if not isinstance(error, RequestValidationError):
        raise TypeError(f"{type(error).__name__} on {request.url.path} is no validation error")
    return invalid(field_problems(error), "invalid-parameter").response()


def field_problems(error: ValidationError | RequestValidationError) -> list[FieldProblem]:
    """What pydantic found, in one line for each field."""
    return [_field_problem(fault) for fault in error.errors()]


def _field_problem(fault: Any) -> FieldProblem:
    path = [str(part) for part in fault["loc"] if part not in ("path", "query")]
    name = ".".join(path) or "body"
    if fault["type"] == "missing":
        return FieldProblem(name, "nothing", "this field; add it")
    if fault["type"] == "extra_forbidden":
        return FieldProblem(name, shown(fault["input"]), "no such field; remove it")
    expected = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return FieldProblem(name, shown(fault["input"]), expected)


def shown(value: object) -> str:
    """A value as JSON, cut short; of lists and objects only the size.

    >>> shown("12"), shown(True), shown([1, 2])
    ('"12"', 'true', 'a list of 2 values')
    """
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)} values"
    text = json.dumps(value[:LONGEST_GOT] if isinstance(value, str) else value, ensure_ascii=False)
    return text if len(text) <= LONGEST_GOT else text[:LONGEST_GOT] + "…"


class FaultBarrier:
    """Turns a fault of ours into a bare 500 and a log line that says where, but not with what.

    Exceptions carry applicants' values in their messages, so only their type and place are logged.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last barrier; what it stops is logged
            _log.error("%s %s failed: %s", scope["method"], _route(scope), _place(error))
            if not started:
                problem = ProblemError(
                    HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; see its log"
                )
                await problem.response()(scope, receive, send)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "")


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename}:{frame.lineno} in {frame.name}"
