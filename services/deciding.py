"""From checked applications to decisions that are stored and may be answered."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
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

# So long it waits for the requests of those who were just answered.
LINGER_SECONDS = 0.0005

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


@dataclass(frozen=True)
class _Asked:
    """A request's applications, and where it waits for what was decided on them."""

    model: ServedModel
    ask: Ask
    applications: Sequence[Application]
    decided: "asyncio.Future[list[Decided]]"


class Desk:
    """Decides on applications and stores what was decided before it gives it away.

    Requests that arrive while others are decided on are taken together after them: most of what a
    judgement and a commit take is the same for eight as for one.
    """

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
        self._waiting: list[_Asked] = []
        self._serving: asyncio.Task[None] | None = None

    async def decide(
        self, model: ServedModel, applications: Sequence[Application], ask: Ask = "not approved"
    ) -> list[Decided]:
        """Decide and store, in the order of the applications.

        Raises:
            JournalFullError: too many wait to be stored.
            LedgerError: they could not be stored; what carries a claim can be sent again.
        """
        decided: asyncio.Future[list[Decided]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(model, ask, applications, decided))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await decided

    async def _serve(self) -> None:
        """Take those who wait, all at once, until nobody does."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            await self._decide_together([each for each in group if not each.decided.done()])
            await self._linger(len(group))
        self._serving = None

    async def _linger(self, served: int) -> None:
        """Let those who were just answered ask again, so that one group is made of all."""
        everyone, until = served + len(self._waiting), time.perf_counter() + LINGER_SECONDS
        while everyone > max(1, len(self._waiting)) and time.perf_counter() < until:
            await asyncio.sleep(0)

    async def _decide_together(self, group: Sequence[_Asked]) -> None:
        """Decide on a group's applications; a fault in one request is not the others'."""
        for model, ask in {(each.model, each.ask): None for each in group}:
            alike = [each for each in group if (each.model, each.ask) == (model, ask)]
            try:
                decided = iter(await self._decide(model, _applications(alike), ask))
            except Exception as error:  # noqa: BLE001 - it is raised in the request it belongs to
                await self._decide_alone(alike, error)
            else:
                for each in alike:
                    _wake(each, list(islice(decided, len(each.applications))))

    async def _decide_alone(self, alike: Sequence[_Asked], error: Exception) -> None:
        if len(alike) > 1 and self._journal.is_working:
            for each in alike:
                await self._decide_together([each])
        else:
            for each in alike:
                _wake(each, error)

    async def _decide(
        self, model: ServedModel, applications: Sequence[Application], ask: Ask
    ) -> list[Decided]:
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


def _applications(group: Sequence[_Asked]) -> list[Application]:
    return [application for each in group for application in each.applications]


def _wake(asked: _Asked, outcome: list[Decided] | Exception) -> None:
    """Tell a request, unless it has left."""
    if asked.decided.done():
        return
    if isinstance(outcome, Exception):
        asked.decided.set_exception(outcome)
    else:
        asked.decided.set_result(outcome)


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
