"""Pieces of an order can be cancelled, and are left out of the capture of its payment.

The new CHECK constraints read `orders.line` and `payments.payment` once, with the tables locked: a few seconds for a
million orders.
"""

import sqlalchemy as sa
from alembic import op

revision = "ca9ce1000001"
down_revision = "4ec0c1110001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("line", sa.Column("cancelled", sa.Integer(), server_default="0", nullable=False), schema="orders")
    op.create_check_constraint(
        op.f("ck_line_cancelled"), "line", "0 <= cancelled AND cancelled <= quantity", schema="orders"
    )
    op.add_column(
        "payment", sa.Column("cancelled", sa.BigInteger(), server_default="0", nullable=False), schema="payments"
    )
    op.create_check_constraint(
        op.f("ck_payment_cancelled"), "payment", "0 <= cancelled AND captured + cancelled <= amount", schema="payments"
    )


def downgrade() -> None:
    op.drop_column("payment", "cancelled", schema="payments")
    op.drop_column("line", "cancelled", schema="orders")
