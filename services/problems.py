"""Errors as RFC 9457 problem+json, without tracebacks, and without applicants' values in logs."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:creditloop:"

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
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        kind: str = "",
        errors: Sequence[FieldProblem] = (),
        headers: dict[str, str] | None = None,
    ):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = errors
        self.headers = headers

    def response(self) -> Response:
        """The problem as a response."""
        content: dict[str, object] = {
            "type": TYPE_PREFIX + self.kind if self.kind else "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = [asdict(error) for error in self.errors]
        return Response(
            orjson.dumps(content), self.status, headers=self.headers, media_type=MEDIA_TYPE
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
