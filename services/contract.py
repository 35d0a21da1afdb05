"""What the HTTP API takes and answers; the OpenAPI document is made of these.

Applications are not here: their fields are the served model's (`services.request_model`).
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from credit.policy import Decision
from credit.shifts import Level, WindowDrift
from credit.triggers import TriggerName
from credit.underwriting import Explanation
from services.ledger.retraining import Outcome as RetrainOutcome
from services.request_model import WITHOUT_NUL

LONGEST_REASON = 2000
MOST_OUTCOMES = 1000


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("a text that says something")
    return text


Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_REASON,
        pattern=r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
        description="Why, in words.",
    ),
    AfterValidator(_says_something),
]
EXAMPLE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


class Body(BaseModel):
    """What is sent: keys that are not known are refused, and values are taken as they are."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Model(BaseModel):
    """The model that answered."""

    dataset: str
    family: str
    version: str = Field(description="The first digits of the digest.")
    digest: str = Field(description="sha256 of the package's manifest: its identity.")


class Health(BaseModel):
    """The service is up, has a model, and can store what it decides."""

    status: Literal["ok"]
    model: Model


class GivenReason(BaseModel):
    """Why an application was not approved: a hard rule that spoke, or a factor that hurt."""

    text: str
    rule: str | None = Field(default=None, description="Name of the hard rule that spoke.")
    features: list[str] = Field(default=[], description="The features that the text speaks for.")
    contribution: float | None = Field(
        default=None, description="What they add to the margin, compared with the approved."
    )
    holds: bool | None = Field(
        default=None, description="With them as is usual among the approved, it would be better."
    )


class Change(BaseModel):
    """One field and the value that it would have to have."""

    field: str
    now: int | float | str
    then: int | float | str
    steps: int = Field(description="Twentieths of the training rows between the two.")


class Recourse(BaseModel):
    """The smallest change that would be approved: one or two fields together."""

    changes: list[Change]


class Decided(BaseModel):
    """One decision, as it is stored."""

    id: UUID = Field(description="UUIDv7 of the decision.")
    application_id: str | None
    decided_at: datetime
    decision: Decision
    score: int = Field(description="Scorecard points; more are better.")
    probability_of_default: float = Field(ge=0, le=1, description="Calibrated, rounded to 1e-6.")
    reasons: list[GivenReason]
    model: Model


class Prediction(Decided):
    """One decision, and what was asked for beside it."""

    explanation: Explanation | None = Field(
        default=None, description="All contributions, where `explain` asked for them."
    )
    recourse: Recourse | None = Field(
        default=None,
        description="With `explain`, what would have it approved; absent where nothing would.",
    )


class WhatIf(BaseModel):
    """What an application would be answered now; no decision, so it has no id."""

    decision: Decision
    score: int
    probability_of_default: float = Field(ge=0, le=1)
    reasons: list[GivenReason]
    model: Model
    explanation: Explanation
    recourse: Recourse | None


class FieldProblem(BaseModel):
    """One bad field."""

    field: str
    got: str
    expected: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str = Field(description="One line that says what to do.")
    errors: list[FieldProblem] = []
    decision_id: UUID | None = Field(
        default=None, description="The earlier decision that a request is in conflict with."
    )


class Row(BaseModel):
    """What became of one application of a batch: a decision or a problem."""

    row: int = Field(ge=0, description="Its position in the request, from 0.")
    decision: Decided | None = None
    problem: Problem | None = None


class Batch(BaseModel):
    """One answer for each application, in their order."""

    rows: list[Row]


class Explained(BaseModel):
    """Why a model scores an application as it does."""

    model: Model
    decision_id: UUID | None = Field(default=None, description="The stored decision, if one was.")
    explanation: Explanation
    reasons: list[GivenReason]
    recourse: Recourse | None = Field(
        description="What would have it approved; null where it is approved, or nothing would."
    )


class ExplainStored(Body):
    """A stored decision that is to be explained."""

    model_config = ConfigDict(json_schema_extra={"example": {"decision_id": EXAMPLE_ID}})

    decision_id: UUID


class NewOutcome(Body):
    """What became of a loan."""

    decision_id: UUID
    bad: bool = Field(description="Whether it met the bad definition of the data set.")
    observed_on: date = Field(description="The day that this was known.")
    note: Annotated[str, Field(max_length=LONGEST_REASON, pattern=WITHOUT_NUL)] = ""


class NewOutcomes(Body):
    """One or many outcomes. A second one of a decision revises the first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "outcomes": [{"decision_id": EXAMPLE_ID, "bad": False, "observed_on": "2026-03-01"}]
            }
        }
    )

    outcomes: Annotated[list[NewOutcome], Field(min_length=1, max_length=MOST_OUTCOMES)]


class Outcome(BaseModel):
    """An outcome as it is stored."""

    id: UUID
    at: datetime
    decision_id: UUID
    bad: bool
    observed_on: date
    reporter: str
    note: str


class Reported(BaseModel):
    """What became of a reported outcome."""

    decision_id: UUID
    fate: Literal["stored", "revised", "known", "unknown decision"] = Field(
        description="revised: stored, in place of an earlier one. known: it was reported before, "
        "and nothing was added. unknown decision: it was not stored."
    )


class Outcomes(BaseModel):
    """What became of each reported outcome, in their order."""

    outcomes: list[Reported]


class NewReview(Body):
    """What a person decided."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "decision_id": EXAMPLE_ID,
                "decision": "approve",
                "reason": "a guarantor signed",
            }
        }
    )

    decision_id: UUID
    decision: Literal["approve", "decline"]
    reason: Reason


class Review(BaseModel):
    """A person's decision as it is stored."""

    id: UUID
    at: datetime
    decision_id: UUID
    decision: Literal["approve", "decline"]
    is_override: bool = Field(description="The model had decided otherwise.")
    reviewer: str
    key_id: str | None
    reason: str


class ShadowScore(BaseModel):
    """What a challenger would have decided."""

    digest: str
    at: datetime
    probability_of_default: float
    score: int
    decision: Decision


class LegalHold(BaseModel):
    """A move of a legal hold, which keeps a decision from being purged."""

    at: datetime
    is_on: bool
    actor: str
    reason: str


class ChainPlace(BaseModel):
    """Where a decision stands in the ledger's hash chain."""

    chain: UUID
    position: int
    payload_hash: str
    hash: str


class StoredDecision(BaseModel):
    """A decision as it is stored, and what followed."""

    id: UUID
    decided_at: datetime
    dataset: str
    digest: str
    decision: Decision
    score: int
    probability_of_default: float
    application_id: str | None
    is_purged: bool = Field(description="What the applicant sent was erased; the hash stays.")
    features: dict[str, Any] | None
    is_referred: bool | None = Field(description="All applications went to review at that time.")
    reasons: list[GivenReason] | None
    place: ChainPlace
    reviews: list[Review]
    outcomes: list[Outcome]
    shadows: list[ShadowScore]
    holds: list[LegalHold]


class ProtectedAttributes(BaseModel):
    """What was sent for fairness monitoring; no model has seen it."""

    decision_id: UUID
    attributes: dict[str, Any]


class Bands(BaseModel):
    """Where a probability of default is approved, reviewed or declined."""

    approve_below: float
    decline_above: float
    chosen: str = Field(description="How the bands came about.")


class Scale(BaseModel):
    """The scorecard's scale."""

    base_score: float
    base_odds: float
    points_to_double: float


class ModelField(BaseModel):
    """One field of an application."""

    name: str
    type: Literal["number", "integer", "category", "date"]
    unit: str
    description: str
    expected: str = Field(description="What a value must be, in words.")
    missing_allowed: bool
    changeable: bool


class Referral(BaseModel):
    """The kill switch: while it is on, every application goes to review."""

    is_on: bool
    at: datetime
    actor: str
    reason: str


class Deployment(BaseModel):
    """One change of the model in production."""

    id: UUID
    at: datetime
    dataset: str
    family: str
    version: str
    digest: str
    action: Literal["deploy", "rollback"]
    actor: str
    reason: str
    run_id: str | None
    promotion_id: UUID | None
    approver: str | None


class ServedModel(BaseModel):
    """The model that serves now, and how it decides."""

    model: Model
    deployment: Deployment | None = Field(description="Since when, why and who; null: embedded.")
    bands: Bands
    scale: Scale
    fields: list[ModelField]
    referral: Referral | None = Field(description="The last move of the switch, if there was one.")
    shadow: dict[str, Any] | None = Field(description="How a challenger compares, if one scores.")


class History(BaseModel):
    """All that ever served, the newest first."""

    deployments: list[Deployment]


class PromotionAsked(Body):
    """A person's decision on a waiting promotion."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"decision": "approve", "reason": "the gates and the committee agree"}
        }
    )

    decision: Literal["approve", "reject"]
    reason: Reason


class Promotion(BaseModel):
    """A promotion that was decided on."""

    id: UUID
    dataset: str
    family: str
    version: str
    digest: str
    state: Literal["approved", "rejected"]
    decided_by: str
    reason: str
    deployment: Deployment | None
    note: str | None = Field(description="What could not follow, such as a run that waits.")


class DriftJudged(BaseModel):
    """How far the applications that were sent have moved."""

    model: Model
    compared_with: Literal["the model's reference", "reference_data"]
    drift: WindowDrift


class DriftStatus(BaseModel):
    """The newest drift check; report: all that it found."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    version: str
    window_start: datetime
    window_end: datetime
    score: float
    level: Level = Field(description="Of this window alone; an alert may want two in a row.")
    drifted_features: int
    report: dict[str, Any]


class PerformanceStatus(BaseModel):
    """The newest look at matured outcomes; report: all that it found, and what it is worth."""

    id: UUID
    at: datetime
    dataset: str
    digest: str
    version: str
    window_start: datetime
    window_end: datetime
    accuracy: float | None = Field(description="null: too few outcomes have matured.")
    auc: float | None
    report: dict[str, Any]


class Alert(BaseModel):
    """Something that wants a look."""

    kind: Literal["drift", "silence", "accuracy", "calibration", "concept", "fairness"]
    level: Level
    message: str


class MonitoringStatus(BaseModel):
    """What monitoring knows by now."""

    dataset: str
    version: str | None = Field(description="Of the model in production.")
    drift: DriftStatus | None
    performance: PerformanceStatus | None
    fairness: dict[str, Any] | None = Field(
        description="Approval by protected group and period, or under `problem` why there is none."
    )
    alerts: list[Alert] = Field(description="Of the model in production; the empty list: none.")


class RetrainAsked(Body):
    """Why a model is to be trained again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"reason": "the bureau changed its score in March"}}
    )

    reason: Reason


class RetrainEvent(BaseModel):
    """One thing that happened to a retrain request."""

    at: datetime
    kind: Literal["started", "shadowing", "waiting", "closed"]
    run_id: str | None
    outcome: RetrainOutcome | None
    digest: str | None
    note: str


class RetrainRequest(BaseModel):
    """A retrain request: who asked for it and why, and what became of it."""

    id: UUID
    at: datetime
    dataset: str
    trigger: TriggerName
    reason: str
    requester: str
    state: Literal["requested", "started", "shadowing", "waiting", "closed"] = Field(
        description="waiting: for a person's approval of the new model."
    )
    outcome: RetrainOutcome | None = Field(description="Once it is closed.")
    digest: str | None = Field(description="Of the package that it led to, if it did.")
    note: str
    events: list[RetrainEvent]


class RetrainAnswer(RetrainRequest):
    """The request that was asked for, or the one that is open already."""

    is_new: bool = Field(description="False: it was asked for before, and nothing was added.")
    next: str = Field(description="How it goes on.")
