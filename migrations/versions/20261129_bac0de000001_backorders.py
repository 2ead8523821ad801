"""Backorders: units that are sold beyond stock, up to a limit per product."""

import sqlalchemy as sa
from alembic import op

revision = "bac0de000001"
down_revision = "bac5000c0001"
branch_labels = None
depends_on = None

STATUSES = ("filled", "released", "reserved", "waiting")
OPEN = "status IN ('reserved', 'waiting')"


def upgrade() -> None:
    op.create_table(
        "backorder_terms",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("maximum", sa.Integer(), nullable=False),
        sa.Column("backordered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("excess", sa.Integer(), server_default="0", nullable=False),
        sa.Column("promised_on", sa.Date()),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "backordered >= 0 AND excess >= 0 AND maximum >= 0", name=op.f("ck_backorder_terms_positive")
        ),
        sa.CheckConstraint("backordered <= maximum + excess", name=op.f("ck_backorder_terms_not_oversold")),
        sa.CheckConstraint("maximum = 0 OR promised_on IS NOT NULL", name=op.f("ck_backorder_terms_promised")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_backorder_terms")),
        schema="inventory",
    )
    op.create_table(
        "backorder",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("filled", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.String(16), server_default="reserved", nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_backorder_quantity")),
        sa.CheckConstraint("0 <= filled AND filled <= quantity", name=op.f("ck_backorder_filled")),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_backorder_status")),
        sa.PrimaryKeyConstraint("order_id", "product_id", name=op.f("pk_backorder")),
        schema="inventory",
    )
    op.create_index(
        "ix_backorder_queue", "backorder", ["product_id", "order_id"], schema="inventory",
        postgresql_where=sa.text(OPEN),
    )  # fmt: skip


def downgrade() -> None:
    for table in ("backorder", "backorder_terms"):
        op.drop_table(table, schema="inventory")
