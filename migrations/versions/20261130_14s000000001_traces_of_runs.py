"""The trace in which a run was started."""

import sqlalchemy as sa
from alembic import op

revision = "14s000000001"
down_revision = "14p000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("trace", sa.String()), schema="workflow")  # null: not traced


def downgrade() -> None:
    op.drop_column("run", "trace", schema="workflow")
