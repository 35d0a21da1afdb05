"""What a route says of itself in the OpenAPI document."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from services.idempotency import LONGEST_KEY
from services.problems import MEDIA_TYPE

# What the guard answers wherever a key may be needed, and a service that is ill.
GUARDED = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# What reading a body may answer.
BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

Json = dict[str, Any]

IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A word of your own for this request. Sent again with it, the same request "
    "gets the stored answer, and another one 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


class Direct(APIRoute):
    """A route whose function takes the request alone: FastAPI describes it, and stays out of it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


def routes(subject: str, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """A router whose operations are called as their functions are."""
    return APIRouter(
        tags=[subject],
        route_class=route_class,
        generate_unique_id_function=lambda route: route.name,
    )


def problems(*statuses: HTTPStatus) -> dict[int | str, Json]:
    """Responses that are problems."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {
        int(status): {
            "description": status.phrase,
            "content": content,
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status in sorted(statuses)
    }


def body(name: str) -> Json:
    """A JSON body whose schema stands under `name`."""
    content = {"application/json": {"schema": reference(name)}}
    return {"requestBody": {"required": True, "content": content}}


def reference(name: str) -> Json:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def links(decision_id: str) -> Json:
    """Where to go on with a decision; `decision_id` is an expression that finds it."""
    return {
        name: {"operationId": name, "parameters": {"decision_id": decision_id}}
        for name in ("decision", "protected")
    } | {
        name: {"operationId": name, "requestBody": {"decision_id": decision_id, **body}}
        for name, body in _ABOUT_A_DECISION.items()
    }


_ABOUT_A_DECISION: dict[str, Json] = {
    "explain": {},
    "reviews": {"decision": "approve", "reason": "two payslips were seen"},
}
_RETRY = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
        "required": True,
    }
}
_HEADERS: dict[HTTPStatus, Json] = {
    HTTPStatus.TOO_MANY_REQUESTS: _RETRY,
    HTTPStatus.SERVICE_UNAVAILABLE: _RETRY,
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {
            "description": "How to send a key.",
            "schema": {"type": "string"},
            "required": True,
        }
    },
}
