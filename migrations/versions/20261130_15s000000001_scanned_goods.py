"""Goods that are scanned as they are unpacked, and lists of the desk by status and warehouse."""

import sqlalchemy as sa
from alembic import op

revision = "15s000000001"
down_revision = "15r000000001"
branch_labels = None
depends_on = None

LINES = ("purchase_order_line", "transfer_line")


def upgrade() -> None:
    for table in LINES:
        op.add_column(table, sa.Column("scanned", sa.Integer(), server_default="0", nullable=False), schema="inventory")
        op.create_check_constraint(op.f(f"ck_{table}_scanned"), table, "scanned >= 0", schema="inventory")


def downgrade() -> None:
    for table in LINES:
        op.drop_column(table, "scanned", schema="inventory")
