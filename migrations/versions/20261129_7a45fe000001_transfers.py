"""Transfers of goods between warehouses."""

import sqlalchemy as sa
from alembic import op

revision = "7a45fe000001"
down_revision = "ac710e000001"
branch_labels = None
depends_on = None

STATUSES = ("cancelled", "in_transit", "received", "requested")
LIVE = "status IN ('requested', 'in_transit')"


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(16), server_default="requested", nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True)),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_transfer_status")),
        sa.CheckConstraint("source_id <> target_id", name=op.f("ck_transfer_target")),
        sa.ForeignKeyConstraint(["source_id"], ["inventory.warehouse.id"], name=op.f("fk_transfer_source_id")),
        sa.ForeignKeyConstraint(["target_id"], ["inventory.warehouse.id"], name=op.f("fk_transfer_target_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        schema="inventory",
    )
    op.create_index("ix_transfer_live", "transfer", ["target_id"], schema="inventory", postgresql_where=sa.text(LIVE))
    op.create_table(
        "transfer_line",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer()),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_transfer_line_quantity")),
        sa.CheckConstraint("received BETWEEN 0 AND quantity", name=op.f("ck_transfer_line_received")),
        sa.ForeignKeyConstraint(["transfer_id"], ["inventory.transfer.id"], name=op.f("fk_transfer_line_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", "product_id", name=op.f("pk_transfer_line")),
        schema="inventory",
    )


def downgrade() -> None:
    for table in ("transfer_line", "transfer"):
        op.drop_table(table, schema="inventory")
