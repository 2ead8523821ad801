"""Reconciliations of the providers' payments with ours, and the differences that they found."""

import sqlalchemy as sa
from alembic import op

revision = "4ec0c1110001"
down_revision = "7a45fe000001"
branch_labels = None
depends_on = None

KINDS = (
    "paid_without_order", "order_without_payment", "amount_differs", "refund_differs", "double_payment",
    "forgotten_authorisation", "lapsed_authorisation",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("counts", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("status IN ('clean', 'differences')", name=op.f("ck_reconciliation_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation")),
        schema="payments",
    )
    op.create_table(
        "difference",
        sa.Column("reconciliation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid()),
        sa.Column("payment_id", sa.Uuid()),
        sa.Column("reference", sa.String()),
        sa.Column("ours", sa.BigInteger()),
        sa.Column("ours_currency", sa.String(3)),
        sa.Column("theirs", sa.BigInteger()),
        sa.Column("theirs_currency", sa.String(3)),
        sa.Column("repair", sa.String(16)),
        sa.CheckConstraint(f"kind IN {KINDS}", name=op.f("ck_difference_kind")),
        sa.CheckConstraint("repair IN ('done', 'refused')", name=op.f("ck_difference_repair")),
        sa.PrimaryKeyConstraint("reconciliation_id", "kind", "subject", name=op.f("pk_difference")),
        schema="payments",
    )


def downgrade() -> None:
    for table in ("difference", "reconciliation"):
        op.drop_table(table, schema="payments")
