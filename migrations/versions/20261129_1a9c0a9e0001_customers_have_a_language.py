"""Customers have a language, in which they are written to."""

import sqlalchemy as sa
from alembic import op

revision = "1a9c0a9e0001"
down_revision = "1ed9e7000003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("language", sa.String(8)), schema="accounts")


def downgrade() -> None:
    op.drop_column("user", "language", schema="accounts")
