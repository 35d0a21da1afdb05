"""Applications that a package has decided on at a time of one's choosing, as the service does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from uuid_utils.compat import uuid7

from credit.features import EPOCH, Applications
from credit.package import Package
from credit.spec import Schema
from services.deciding import judged
from services.ledger import Ledger
from services.ledger.decisions import NewDecision
from services.model import ServedModel
from tests.services.deciding import store


def fields_of(applications: Applications, schema: Schema) -> list[dict[str, Any]]:
    """The fields of applications as JSON has them."""
    numbers = [
        [_plain(schema, name, value) for name, value in zip(schema.number_fields, row, strict=True)]
        for row in applications.numbers.tolist()
    ]
    texts = [[text or None for text in row] for row in applications.categories.tolist()]
    names = (*schema.number_fields, *schema.category_fields)
    return [
        dict(zip(names, (*number, *text), strict=True))
        for number, text in zip(numbers, texts, strict=True)
    ]


def _plain(schema: Schema, name: str, value: float) -> float | str | None:
    if np.isnan(value):
        return None
    if schema.columns[name].type == "date":
        return (EPOCH + timedelta(days=value)).isoformat()
    return value


def decide_on(
    ledger: Ledger, package: Package, applications: Applications, at: datetime
) -> Sequence[UUID]:
    """Decide on applications, all at one time, and store the decisions; returns their ids."""
    model = ServedModel(package)
    judgements = model.underwriter.judge(applications, "none")
    rows = []
    for fields, judgement in zip(fields_of(applications, model.schema), judgements, strict=True):
        answer = {
            "id": uuid7(),
            "application_id": None,
            "decided_at": at,
            **judged(judgement, False),
            "model": model.identity,
        }
        payload = {"fields": fields, "ask": "none", "referred": False, "answer": answer}
        rows.append(
            NewDecision(
                id=answer["id"],
                at=at,
                dataset=model.schema.name,
                digest=model.digest,
                probability=judgement.probability,
                score=judgement.score,
                decision=judgement.decision,
                payload=orjson.dumps(payload).decode(),
            )
        )
    store(ledger, rows)
    return [row.id for row in rows]
