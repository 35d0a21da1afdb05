"""A BentoML service that does nothing, with the same body and settings as the scorer."""

from typing import Any

import bentoml


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
