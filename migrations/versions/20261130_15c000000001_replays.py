"""Runs can be replayed from a step: how often, and the outputs that no longer count."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "15c000000001"
down_revision = "15r000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("replays", sa.Integer(), nullable=False, server_default="0"), schema="workflow")
    op.add_column("attempt", sa.Column("output", JSONB(), nullable=True), schema="workflow")


def downgrade() -> None:
    op.drop_column("attempt", "output", schema="workflow")
    op.drop_column("run", "replays", schema="workflow")
