"""The tables of the ledger. Migrations create them; a test proves that both say the same."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UnaryExpression,
    UniqueConstraint,
    Uuid,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, always in UTC. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time into UTC; raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; the ledger keeps UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """An aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def newest_first(table: Table) -> tuple[UnaryExpression[Any], UnaryExpression[Any]]:
    """The order in which the row that counts comes first; ids tell apart what has one time."""
    return table.c.at.desc(), table.c.id.desc()


deployments = Table(
    "deployments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("uri", Text, nullable=False),
    Column("family", String(100), nullable=False),
    Column("action", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", String(100)),
    Column("promotion_id", Uuid, ForeignKey("promotions.id"), unique=True),
    Column("approver", String(200)),
    CheckConstraint("action IN ('deploy', 'rollback')", name="known_action"),
    Index(None, "dataset", "at"),
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("uri", Text, nullable=False),
    Column("family", String(100), nullable=False),
    Column("run_id", String(100), nullable=False),
    Column("requester", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("champion", String(64)),
    Column("api_url", Text),
    Column("outcome", String(20), nullable=False),
    Column("verdict", JSON, nullable=False),
    CheckConstraint("outcome IN ('promote', 'needs approval', 'refuse')", name="known_outcome"),
    UniqueConstraint("run_id", "digest"),
    Index(None, "dataset", "at"),
)

# One row ends a promotion, and there is no second: two approvals cannot both be stored.
promotion_decisions = Table(
    "promotion_decisions",
    metadata,
    Column("promotion_id", Uuid, ForeignKey("promotions.id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("decision", String(20), nullable=False),
    Column("key_owner", String(200)),
    Column("key_id", String(20), ForeignKey("api_keys.id")),
    Column("reason", Text, nullable=False),
    CheckConstraint("decision IN ('approve', 'reject', 'lapse')", name="known_decision"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

# A chain is one writer's decisions in their order. `head` and `count` move in the transaction that
# adds decisions, so that a removed tail is missed.
chains = Table(
    "chains",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False),
    Column("head", String(64), nullable=False),
)

# A purge empties payload and application_id and leaves the rest, which the chain needs.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("probability", Double, nullable=False),
    Column("score", Integer, nullable=False),
    Column("decision", String(20), nullable=False),
    Column("application_id", String(200)),
    Column("payload", Text),
    Column("payload_hash", String(64), nullable=False),
    Column("chain", Uuid, ForeignKey("chains.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    CheckConstraint("decision IN ('approve', 'review', 'decline')", name="known_decision"),
    UniqueConstraint("chain", "position"),
    Index(None, "dataset", "at"),
    Index(None, "application_id"),
)

# What makes a request the same as an earlier one: the hash of its key or application id.
claims = Table(
    "claims",
    metadata,
    Column("claim", String(64), primary_key=True),
    Column("decision_id", Uuid, nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)

protected_attributes = Table(
    "protected_attributes",
    metadata,
    Column("decision_id", Uuid, ForeignKey("decisions.id"), primary_key=True),
    Column("attributes", JSON, nullable=False),
)

# The newest row about a decision counts; the ones before it are what was known then.
outcomes = Table(
    "outcomes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("decision_id", Uuid, ForeignKey("decisions.id"), nullable=False),
    Column("bad", Boolean, nullable=False),
    Column("observed_on", Date, nullable=False),
    Column("reporter", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "decision_id", "at"),
    Index(None, "at"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("decision_id", Uuid, ForeignKey("decisions.id"), nullable=False),
    Column("decision", String(20), nullable=False),
    Column("is_override", Boolean, nullable=False),
    Column("reviewer", String(200), nullable=False),
    Column("key_id", String(20), ForeignKey("api_keys.id")),
    Column("reason", Text, nullable=False),
    CheckConstraint("decision IN ('approve', 'decline')", name="known_decision"),
    Index(None, "decision_id", "at"),
    Index(None, "at"),
)

# The newest row of a data set says which package scores beside the champion; none when it is null.
challengers = Table(
    "challengers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("digest", String(64)),
    Column("uri", Text),
    Column("family", String(100)),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "dataset", "at"),
)

shadow_decisions = Table(
    "shadow_decisions",
    metadata,
    Column("decision_id", Uuid, ForeignKey("decisions.id"), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("probability", Double, nullable=False),
    Column("score", Integer, nullable=False),
    Column("decision", String(20), nullable=False),
    Index(None, "digest", "at"),
)

# The kill switch: the newest row of a data set says whether all its applications go to review.
referrals = Table(
    "referrals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "dataset", "at"),
)

# The newest row about a decision says whether a purge must pass it by.
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("decision_id", Uuid, ForeignKey("decisions.id"), nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "decision_id", "at"),
)

purges = Table(
    "purges",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("before", UtcDateTime, nullable=False),
    Column("erased", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("actor", String(200), nullable=False),
)

# One report of a package for each window, whatever is run again.
drift_reports = Table(
    "drift_reports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("score", Double, nullable=False),
    Column("level", String(20), nullable=False),
    Column("drifted_features", Integer, nullable=False),
    Column("report", JSON, nullable=False),
    CheckConstraint("level IN ('calm', 'warning', 'critical')", name="known_level"),
    UniqueConstraint("dataset", "digest", "window_end"),
    Index(None, "dataset", "at"),
)

performance_reports = Table(
    "performance_reports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("accuracy", Double),
    Column("auc", Double),
    Column("report", JSON, nullable=False),
    UniqueConstraint("dataset", "digest", "window_end"),
    Index(None, "dataset", "at"),
)

# Why a model is to be trained again. A caller's word makes asking twice the same as asking once.
retrain_requests = Table(
    "retrain_requests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("dataset", String(100), nullable=False),
    Column("trigger", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("requester", String(200), nullable=False),
    Column("idempotency_key", String(300), nullable=False),
    CheckConstraint(
        "trigger IN ('accuracy', 'drift', 'drifted columns', 'weekly', 'manual')",
        name="known_trigger",
    ),
    UniqueConstraint("dataset", "idempotency_key"),
    Index(None, "dataset", "at"),
)

# What happened to a request, in the order of `position`; `closed` comes once and last.
retrain_events = Table(
    "retrain_events",
    metadata,
    Column("request_id", Uuid, ForeignKey("retrain_requests.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("run_id", String(100)),
    Column("outcome", String(20)),
    Column("digest", String(64)),
    Column("note", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    CheckConstraint("kind IN ('started', 'shadowing', 'waiting', 'closed')", name="known_kind"),
    CheckConstraint("(kind = 'closed') = (outcome IS NOT NULL)", name="outcome_when_closed"),
    CheckConstraint(
        "outcome IN ('promoted', 'unchanged', 'refused', 'rejected', 'lapsed', 'escalated', "
        "'cancelled', 'failed')",
        name="known_outcome",
    ),
)
