"""Who asked for a model in production, who let it in, and with which key."""

import sqlalchemy as sa
from alembic import op

from services.ledger.tables import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create keys and promotions, and let deployments name theirs."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(20), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("dataset", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("family", sa.String(100), nullable=False),
        sa.Column("run_id", sa.String(100), nullable=False),
        sa.Column("requester", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("champion", sa.String(64), nullable=True),
        sa.Column("api_url", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('promote', 'needs approval', 'refuse')",
            name=op.f("ck_promotions_known_outcome"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
        sa.UniqueConstraint("run_id", "digest", name=op.f("uq_promotions_run_id_digest")),
    )
    op.create_index(op.f("ix_promotions_dataset_at"), "promotions", ["dataset", "at"])
    op.create_table(
        "promotion_decisions",
        sa.Column("promotion_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("key_owner", sa.String(200), nullable=True),
        sa.Column("key_id", sa.String(20), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('approve', 'reject', 'lapse')",
            name=op.f("ck_promotion_decisions_known_decision"),
        ),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotion_decisions")),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["promotions.id"],
            name=op.f("fk_promotion_decisions_promotion_id"),
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_promotion_decisions_key_id")
        ),
    )
    with op.batch_alter_table("deployments") as table:
        table.add_column(sa.Column("promotion_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("approver", sa.String(200), nullable=True))
        table.create_unique_constraint(op.f("uq_deployments_promotion_id"), ["promotion_id"])
        table.create_foreign_key(
            op.f("fk_deployments_promotion_id"), "promotions", ["promotion_id"], ["id"]
        )


def downgrade() -> None:
    """Drop keys and promotions."""
    with op.batch_alter_table("deployments") as table:
        table.drop_constraint(op.f("fk_deployments_promotion_id"), type_="foreignkey")
        table.drop_constraint(op.f("uq_deployments_promotion_id"), type_="unique")
        table.drop_column("approver")
        table.drop_column("promotion_id")
    op.drop_table("promotion_decisions")
    op.drop_table("promotions")
    op.drop_table("api_keys")
