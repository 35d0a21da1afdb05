"""Which window a report is of, so that the same one is not stored twice; retrain requests."""

import sqlalchemy as sa
from alembic import op

from services.ledger.tables import UtcDateTime

revision = "0004"
down_revision = "0003"

REPORTS = ("drift_reports", "performance_reports")


def upgrade() -> None:
    """Give reports their window and drift its level, and create retrain requests.

    A report that is there already was of its moment.
    """
    for name in REPORTS:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("window_start", UtcDateTime(), nullable=True))
            table.add_column(sa.Column("window_end", UtcDateTime(), nullable=True))
    with op.batch_alter_table("drift_reports") as table:
        table.add_column(sa.Column("level", sa.String(20), nullable=True))
    op.execute(
        "UPDATE drift_reports SET window_start = at, window_end = at, level = CASE "
        "WHEN score > 0.7 THEN 'critical' WHEN score >= 0.5 THEN 'warning' ELSE 'calm' END"
    )
    op.execute("UPDATE performance_reports SET window_start = at, window_end = at")
    for name in REPORTS:
        with op.batch_alter_table(name) as table:
            table.alter_column("window_start", existing_type=UtcDateTime(), nullable=False)
            table.alter_column("window_end", existing_type=UtcDateTime(), nullable=False)
            table.create_unique_constraint(
                op.f(f"uq_{name}_dataset_digest_window_end"), ["dataset", "digest", "window_end"]
            )
    with op.batch_alter_table("drift_reports") as table:
        table.alter_column("level", existing_type=sa.String(20), nullable=False)
        table.create_check_constraint(
            op.f("ck_drift_reports_known_level"), "level IN ('calm', 'warning', 'critical')"
        )
    op.create_table(
        "retrain_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("dataset", sa.String(100), nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requester", sa.String(200), nullable=False),
        sa.Column("idempotency_key", sa.String(300), nullable=False),
        sa.CheckConstraint(
            "trigger IN ('accuracy', 'drift', 'drifted columns', 'weekly', 'manual')",
            name=op.f("ck_retrain_requests_known_trigger"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrain_requests")),
        sa.UniqueConstraint(
            "dataset", "idempotency_key", name=op.f("uq_retrain_requests_dataset_idempotency_key")
        ),
    )
    op.create_index(op.f("ix_retrain_requests_dataset_at"), "retrain_requests", ["dataset", "at"])
    op.create_table(
        "retrain_events",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("run_id", sa.String(100), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('started', 'shadowing', 'waiting', 'closed')",
            name=op.f("ck_retrain_events_known_kind"),
        ),
        sa.CheckConstraint(
            "(kind = 'closed') = (outcome IS NOT NULL)",
            name=op.f("ck_retrain_events_outcome_when_closed"),
        ),
        sa.CheckConstraint(
            "outcome IN ('promoted', 'unchanged', 'refused', 'rejected', 'lapsed', 'escalated', "
            "'cancelled', 'failed')",
            name=op.f("ck_retrain_events_known_outcome"),
        ),
        sa.PrimaryKeyConstraint("request_id", "position", name=op.f("pk_retrain_events")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["retrain_requests.id"], name=op.f("fk_retrain_events_request_id")
        ),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("retrain_events")
    op.drop_table("retrain_requests")
    with op.batch_alter_table("drift_reports") as table:
        table.drop_constraint(op.f("ck_drift_reports_known_level"), type_="check")
        table.drop_column("level")
    for name in REPORTS:
        with op.batch_alter_table(name) as table:
            table.drop_constraint(op.f(f"uq_{name}_dataset_digest_window_end"), type_="unique")
            table.drop_column("window_end")
            table.drop_column("window_start")
