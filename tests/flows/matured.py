"""A ledger with decisions that have matured, made as the service makes them."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pandas as pd
from uuid_utils.compat import uuid7

from configs.datasets import load_spec, resolve_source
from configs.settings import Settings
from credit.features import from_frame
from credit.labels import label
from credit.splits import in_fixed_order
from credit.underwriting import Underwriter
from credit.validation import validate
from services.deciding import judged
from services.fetching import fetch_package
from services.ledger import Ledger
from services.ledger.decisions import NewDecision
from services.ledger.journal import Journal
from services.ledger.outcomes import NewOutcome, report_outcomes
from tasks.sources import read_rows

YEAR = timedelta(days=366)


def decide(
    ledger: Ledger, dataset: str, settings: Settings, rows: int, seed: int = 1, flipped: float = 0
) -> list[NewDecision]:
    """Decide on rows of the data set, drawn with replacement; outcomes of approved ones are known.

    flipped: so many of the good ones turn out bad.
    """
    spec = load_spec(dataset)
    frame = in_fixed_order(validate(read_rows(resolve_source(spec), spec), spec).rows, spec)
    drawn = frame.sample(rows, replace=True, random_state=seed).reset_index(drop=True)
    current = ledger.current(spec.name)
    package = fetch_package(settings.home, current.uri, current.digest)
    judgements = Underwriter(package).judge(from_frame(drawn, package.schema))
    fields = drawn[list(package.schema.fields)]
    made = [
        _decision(spec.name, package.digest, row, judgement)
        for row, judgement in zip(fields.to_dict("records"), judgements, strict=True)
    ]
    with closing(Journal(ledger.engine, rows)) as journal:
        asyncio.run(journal.store(made))
    bad = label(drawn, spec).bad.astype(bool)
    bad |= np.random.default_rng(seed).random(rows) < flipped
    today = datetime.now(UTC).date()
    outcomes = [
        NewOutcome(each.id, bool(is_bad), today)
        for each, is_bad in zip(made, bad, strict=True)
        if each.decision == "approve"
    ]
    for start in range(0, len(outcomes), 1000):
        report_outcomes(ledger, outcomes[start : start + 1000], "servicing")
    return made


def _decision(dataset: str, digest: str, row: dict[str, object], judgement) -> NewDecision:
    known = {name: None if pd.isna(value) else value for name, value in row.items()}
    decision_id, now = uuid7(), datetime.now(UTC)
    answer = {
        "id": str(decision_id),
        "application_id": None,
        "decided_at": now,
        **judged(judgement, False),
        "model": {"digest": digest},
    }
    payload = {"fields": known, "ask": "not approved", "referred": False, "answer": answer}
    return NewDecision(
        id=decision_id,
        at=now,
        dataset=dataset,
        digest=digest,
        probability=judgement.probability,
        score=judgement.score,
        decision=judgement.decision,
        payload=orjson.dumps(payload).decode(),
    )
