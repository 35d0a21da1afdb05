"""Which window a report is of, so that the same one is not stored twice."""

import sqlalchemy as sa
from alembic import op

from services.ledger.tables import UtcDateTime

revision = "0004"
down_revision = "0003"

REPORTS = ("drift_reports", "performance_reports")


def upgrade() -> None:
    """Give reports their window, and drift its level; what is there already was of its moment."""
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


def downgrade() -> None:
    """Take them away again."""
    with op.batch_alter_table("drift_reports") as table:
        table.drop_constraint(op.f("ck_drift_reports_known_level"), type_="check")
        table.drop_column("level")
    for name in REPORTS:
        with op.batch_alter_table(name) as table:
            table.drop_constraint(op.f(f"uq_{name}_dataset_digest_window_end"), type_="unique")
            table.drop_column("window_end")
            table.drop_column("window_start")
