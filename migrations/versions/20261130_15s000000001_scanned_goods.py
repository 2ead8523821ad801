"""Goods that are scanned as they are unpacked, and lists of the desk by status, warehouse and provider."""

import sqlalchemy as sa
from alembic import op

revision = "15s000000001"
down_revision = "15c000000001"
branch_labels = None
depends_on = None

LINES = ("purchase_order_line", "transfer_line")
INDEXES = (
    ("ix_purchase_order_status", "purchase_order", ["status", "id"]),
    ("ix_purchase_order_warehouse", "purchase_order", ["warehouse_id", "id"]),
    ("ix_transfer_status", "transfer", ["status", "id"]),
    ("ix_transfer_source", "transfer", ["source_id", "id"]),
    ("ix_transfer_target", "transfer", ["target_id", "id"]),
    ("ix_stock_count_status", "stock_count", ["status", "id"]),
    ("ix_outside_reservation_status", "outside_reservation", ["status", "id"]),
)


def upgrade() -> None:
    for table in LINES:
        op.add_column(table, sa.Column("scanned", sa.Integer(), server_default="0", nullable=False), schema="inventory")
        op.create_check_constraint(op.f(f"ck_{table}_scanned"), table, "scanned >= 0", schema="inventory")
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns, schema="inventory")
    op.create_index("ix_payment_gateway_id", "payment", ["gateway", "id"], schema="payments")


def downgrade() -> None:
    op.drop_index("ix_payment_gateway_id", "payment", schema="payments")
    for name, table, _ in INDEXES:
        op.drop_index(name, table, schema="inventory")
    for table in LINES:
        op.drop_column(table, "scanned", schema="inventory")
