"""The tables of the ledger. Migrations create them; a test proves that both say the same."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
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
