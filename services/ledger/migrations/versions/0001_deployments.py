"""Who put which model in production, when and why."""

import sqlalchemy as sa
from alembic import op

from services.ledger.tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table of deployments."""
    op.create_table(
        "deployments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("dataset", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("family", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(100), nullable=True),
        sa.CheckConstraint(
            "action IN ('deploy', 'rollback')", name=op.f("ck_deployments_known_action")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    op.create_index(op.f("ix_deployments_dataset_at"), "deployments", ["dataset", "at"])


def downgrade() -> None:
    """Drop the table of deployments."""
    op.drop_table("deployments")
