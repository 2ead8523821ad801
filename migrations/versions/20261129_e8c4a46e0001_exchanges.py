"""Exchanges: what a return asks for, the order that replaces it, and the return that an order belongs to.

The columns are nullable, so no row is rewritten.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from durable.ids import Id

revision = "e8c4a46e0001"
down_revision = "1a9c0a9e0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("return", sa.Column("exchange", JSONB(none_as_null=True)), schema="returns")
    op.add_column("return", sa.Column("replacement_order_id", Id("ord")), schema="returns")
    op.create_unique_constraint(
        op.f("uq_return_replacement_order_id"), "return", ["replacement_order_id"], schema="returns"
    )
    op.add_column("order", sa.Column("return_id", Id("ret")), schema="orders")


def downgrade() -> None:
    op.drop_column("order", "return_id", schema="orders")
    op.drop_column("return", "replacement_order_id", schema="returns")
    op.drop_column("return", "exchange", schema="returns")
