"""The adverse-action notice: what an applicant who was declined is told.

The wording follows the model forms of Regulation B (ECOA, appendix C) and Regulation V (FCRA,
score disclosure). It is a template: the lender's lawyers replace it in
services/templates/notice.html. The same stored decision always gives the same bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from configs.settings import Lender
from credit.adverse_action import MOST_REASONS
from services.deciding import REFERRED
from services.ledger.decision_history import DecisionHistory
from services.ledger.decisions import StoredDecision
from services.ledger.reviews import Review
from services.page.scale import Scale
from services.rendering import render

# Five where inquiries are among them: as many as a stored answer has.
MOST_KEY_FACTORS = MOST_REASONS + 1


class NoNoticeError(ValueError):
    """There is no notice to give about a decision; the message says why."""


@dataclass(frozen=True)
class Declined:
    """What the applicant is told. Neither the probability nor any field is part of it.

    reasons: why the application was declined. key_factors: those of them that moved the score.
    """

    reference: str
    applied_at: datetime
    declined_at: datetime
    reasons: tuple[str, ...]
    score: int
    key_factors: tuple[str, ...]


def notice(declined: Declined, scale: Scale, lender: Lender) -> bytes:
    """The notice as one HTML file that needs nothing else."""
    return render(
        "notice.html",
        declined=declined,
        scale=scale,
        lender=lender,
        applied_on=_day(declined.applied_at),
        declined_on=_day(declined.declined_at),
    ).encode()


def declined(history: DecisionHistory) -> Declined:
    """What to tell about a decision that was declined, by the model or at last by a person.

    Raises:
        NoNoticeError: it was not declined, it was purged, or no reason was stored with it.
    """
    decision = history.decision
    declined_at = _declined_at(decision, history.reviews)
    if decision.payload is None:
        raise NoNoticeError(f"decision {decision.id} was purged, and its reasons with it")
    given = _given(orjson.loads(decision.payload)["answer"])
    if not given:
        raise NoNoticeError(
            f"decision {decision.id} was stored without reasons; write the notice by hand, with "
            "the reason of its review or those that POST /api/explain works out"
        )
    return Declined(
        reference=decision.application_id or str(decision.id),
        applied_at=decision.at,
        declined_at=declined_at,
        reasons=tuple(reason["text"] for reason in given[:MOST_REASONS]),
        score=decision.score,
        key_factors=tuple(
            reason["text"] for reason in given[:MOST_KEY_FACTORS] if "rule" not in reason
        ),
    )


def _declined_at(decision: StoredDecision, reviews: tuple[Review, ...]) -> datetime:
    """When; a person's newest review counts for more than the model."""
    if reviews:
        newest = reviews[-1]
        if newest.decision == "decline":
            return newest.at
        raise NoNoticeError(f"{newest.reviewer} approved decision {decision.id} in a review")
    if decision.decision == "decline":
        return decision.at
    what_it_is = "is still with a person" if decision.decision == "review" else "is an approval"
    raise NoNoticeError(
        f"decision {decision.id} {what_it_is}; a notice is given where an application is declined"
    )


def _given(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The stored reasons, without the one that only says that a person decides."""
    return [reason for reason in answer["reasons"] if reason["text"] != REFERRED.text]


def _day(at: datetime) -> str:
    """A day in words, in UTC.

    >>> from datetime import UTC
    >>> _day(datetime(2026, 3, 1, tzinfo=UTC))
    '1 March 2026'
    """
    return f"{at.day} {at:%B %Y}"
