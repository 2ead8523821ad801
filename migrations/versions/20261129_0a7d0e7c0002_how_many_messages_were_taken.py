"""How many messages workers have taken from each queue: its length becomes a time by it."""

import sqlalchemy as sa
from alembic import op

revision = "0a7d0e7c0002"
down_revision = "0a7d0e7c0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count = sa.Column("served", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("served", count, schema="workflow")


def downgrade() -> None:
    op.drop_column("served", "served", schema="workflow")
