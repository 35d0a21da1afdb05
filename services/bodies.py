"""Reading JSON bodies: of bounded size, and never with more than a 4xx for what is wrong."""

from http import HTTPStatus
from typing import TypeVar

import orjson
from fastapi import Request
from fastapi.responses import Response
from pydantic import ValidationError

from services.contract import Body
from services.problems import ProblemError, field_problems, invalid

LARGEST_BODY = 1 << 20
# So much larger a body may be for each application that it may have.
BYTES_A_ROW = 2048
JSON = "application/json"

AnyBody = TypeVar("AnyBody", bound=Body)


def answer(content: object) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(content), media_type=JSON)


async def read_json(request: Request, largest: int = LARGEST_BODY) -> object:
    """The JSON that was sent.

    Raises:
        ProblemError: 400, 413 or 415.
    """
    body = await _read(request, largest)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error.msg} at {error.pos}"
        ) from None


async def read_as(request: Request, kind: type[AnyBody]) -> AnyBody:
    """The JSON that was sent, as one of the contract's bodies.

    Raises:
        ProblemError: 400, 413, 415, or 422 naming every field that is wrong.
    """
    return checked(await read_json(request), kind)


def checked(content: object, kind: type[AnyBody]) -> AnyBody:
    """JSON as one of the contract's bodies; raises ProblemError: 422."""
    try:
        # From JSON, where ids and days are texts; from objects they would have to be typed.
        return kind.model_validate_json(orjson.dumps(content))
    except ValidationError as error:
        raise invalid(field_problems(error), "invalid-body") from None


async def _read(request: Request, largest: int) -> bytearray:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        # Browsers send forms of other sites without asking, but not JSON.
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type is {kind[:100] or 'missing'}, expected {JSON}",
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {largest} bytes; send less"
            )
    return body
