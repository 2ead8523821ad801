"""Returns, a service of its own. Its schema is created by `migrations/env.py`."""

import sqlalchemy as sa
from alembic import op

revision = "4e7041000001"
down_revision = "1ed9e7000001"
branch_labels = None
depends_on = None

STATUSES = ("approved", "closed", "received", "refunded", "refused", "requested")


def upgrade() -> None:
    op.create_table(
        "return",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(16), server_default="requested", nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("comment", sa.String(2000)),
        sa.Column("refused_because", sa.String(500)),
        sa.Column("refund", sa.BigInteger()),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("received_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_return_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return")),
        schema="returns",
    )
    for column in ("order_id", "user_id"):
        op.create_index(f"ix_return_{column}", "return", [column], schema="returns")
    op.create_table(
        "return_line",
        sa.Column("return_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("resellable", sa.Integer(), server_default="0", nullable=False),
        sa.Column("damaged", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "quantity >= 0 AND resellable >= 0 AND damaged >= 0", name=op.f("ck_return_line_quantities")
        ),
        sa.ForeignKeyConstraint(["return_id"], ["returns.return.id"], name=op.f("fk_return_line_return_id")),
        sa.PrimaryKeyConstraint("return_id", "product_id", name=op.f("pk_return_line")),
        schema="returns",
    )


def downgrade() -> None:
    for table in ("return_line", "return"):
        op.drop_table(table, schema="returns")
