"""BentoML services that do nothing, with the scorer's body.

The plain one makes a span for each request, as BentoML does unless it is told otherwise; the
mounted one has all of the scorer's settings, and shows what its frame alone costs.
"""

from typing import Any

import bentoml
import orjson
from fastapi import FastAPI, Request, Response

_app = FastAPI()


@_app.post("/api/predict")
async def predict(request: Request) -> Response:
    orjson.loads(await request.body())
    return Response(b"{}", media_type="application/json")


@bentoml.service(
    name="Noop",
    workers=1,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    traffic={"timeout": 60},
)
class Noop:
    """Takes what the scorer takes, and answers with nothing."""

    @bentoml.api(route="/api/predict")
    async def predict(self, features: dict[str, Any]) -> dict[str, Any]:
        return {}


@bentoml.service(
    name="MountedNoop",
    workers=1,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    traffic={"timeout": 60},
)
@bentoml.asgi_app(_app, path="/")
class MountedNoop:
    """The same in a mounted FastAPI app, as the scorer is built."""
