"""From checked applications to decisions that are stored and may be answered."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from credit.features import from_many
from credit.underwriting import Ask, GivenReason, Judgement
from services.application import Application
from services.ledger import Ledger, LedgerError
from services.ledger.decisions import Kept, NewDecision, find_decision
from services.ledger.journal import Journal
from services.ledger.referrals import Referral
from services.model import CurrentModel, ServedModel

Json = dict[str, Any]

CONSIDERED = ("decision", "score", "probability_of_default", "reasons", "model")

REFERRED = GivenReason(text="At present all applications are decided on by a person")


@dataclass(frozen=True)
class Decided:
    """What a request is answered.

    answer: as it was stored. is_repeated: it was stored for an earlier request, which this one
    repeats. None in place of an answer: the earlier request had another body.
    """

    answer: Json | None
    is_repeated: bool = False
    earlier: UUID | None = None


class Desk:
    """Decides on applications and stores what was decided before it gives it away."""

    def __init__(
        self,
        current: CurrentModel,
        ledger: Ledger,
        journal: Journal,
        repeat_window: timedelta,
        on_stored: Callable[[Iterable[tuple[UUID, Mapping[str, object]]]], None],
    ):
        self._current = current
        self._ledger = ledger
        self._journal = journal
        self._repeat_window = repeat_window
        self._on_stored = on_stored

    async def decide(
        self, model: ServedModel, applications: Sequence[Application], ask: Ask = "not approved"
    ) -> list[Decided]:
        """Decide and store, in the order of the applications.

        Raises:
            JournalFullError: too many wait to be stored.
            LedgerError: they could not be stored; what carries a claim can be sent again.
        """
        decided: dict[int, Decided] = {}
        open_rows = list(range(len(applications)))
        while open_rows:
            asked = [applications[row] for row in open_rows]
            referral = self._current.referral
            judgements = model.underwriter.judge(_raw_fields(asked, model), ask)
            answers = [
                _answer(*each, model, referral) for each in zip(asked, judgements, strict=True)
            ]
            rows = [
                self._draft(application, answer, model, referral, ask)
                for application, answer in zip(asked, answers, strict=True)
            ]
            kept = await self._journal.store(rows)
            stale = []
            for row, answer, fate in zip(open_rows, answers, kept, strict=True):
                if fate.fate == "stale":
                    stale.append(row)
                elif fate.fate == "stored":
                    decided[row] = Decided(answer)
                else:
                    decided[row] = await self._earlier(fate.earlier, fate.fate == "known")
            if not (referral and referral.is_on):
                self._on_stored(_stored(asked, answers, kept))
            if stale:
                await asyncio.to_thread(self._current.refresh_referral)
            open_rows = stale
        return [decided[row] for row in range(len(applications))]

    def consider(self, model: ServedModel, application: Application) -> Json:
        """What an application would be answered now, without an id: nothing is stored."""
        (judgement,) = model.underwriter.judge(_raw_fields([application], model), "all")
        answer = _answer(application, judgement, model, self._current.referral)
        return {name: answer[name] for name in CONSIDERED}

    def _draft(
        self,
        application: Application,
        answer: Json,
        model: ServedModel,
        referral: Referral | None,
        ask: Ask,
    ) -> NewDecision:
        payload = {
            "fields": application.fields,
            "ask": ask,
            "referred": bool(referral and referral.is_on),
            "answer": answer,
        }
        at = answer["decided_at"]
        return NewDecision(
            id=answer["id"],
            at=at,
            dataset=model.identity["dataset"],
            digest=model.digest,
            probability=answer["probability_of_default"],
            score=answer["score"],
            decision=answer["decision"],
            payload=orjson.dumps(payload).decode(),
            application_id=application.application_id,
            claims=application.claims,
            body_hash=application.body_hash,
            claimed_until=at + self._repeat_window if application.claims else None,
            protected=application.protected,
            referral=referral.id if referral else None,
        )

    async def _earlier(self, decision_id: UUID | None, is_same: bool) -> Decided:
        """The stored answer of the request that this one repeats."""
        if not is_same or decision_id is None:
            return Decided(None, earlier=decision_id)
        stored = await asyncio.to_thread(find_decision, self._ledger, decision_id)
        if stored is None or stored.payload is None:
            raise LedgerError(f"decision {decision_id} was purged; its request cannot be repeated")
        return Decided(orjson.loads(stored.payload)["answer"], is_repeated=True)


def _stored(
    asked: Sequence[Application], answers: Sequence[Json], kept: Sequence[Kept]
) -> Iterator[tuple[UUID, Mapping[str, object]]]:
    """Id and fields of what was stored just now."""
    for application, answer, fate in zip(asked, answers, kept, strict=True):
        if fate.fate == "stored":
            yield answer["id"], application.fields


def _raw_fields(applications: Sequence[Application], model: ServedModel) -> Any:
    return from_many([application.fields for application in applications], model.schema)


def _answer(
    application: Application, judgement: Judgement, model: ServedModel, referral: Referral | None
) -> Json:
    """The answer, in the order in which people read it."""
    return {
        "id": uuid7(),
        "application_id": application.application_id,
        "decided_at": datetime.now(UTC),
        **judged(judgement, bool(referral and referral.is_on)),
        "model": model.identity,
    }


def judged(judgement: Judgement, is_referred: bool) -> Json:
    """What an answer says of a judgement; while all are referred to people, it says that too."""
    decision, reasons = judgement.decision, judgement.reasons
    if is_referred:
        decision, reasons = "review", (REFERRED, *reasons)
    return {
        "decision": decision,
        "score": judgement.score,
        "probability_of_default": judgement.probability,
        "reasons": [reason.model_dump(exclude_none=True) for reason in reasons],
    }
