"""A cart names the order that is being made of it, so that there is one at a time.

Of orders that are under way when this is applied, carts know nothing: those can still be placed twice.
"""

import sqlalchemy as sa
from alembic import op

revision = "0a7d0e7c0001"
down_revision = "2e7e27100001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cart", sa.Column("order_id", sa.Uuid(), nullable=True), schema="carts")


def downgrade() -> None:
    op.drop_column("cart", "order_id", schema="carts")
