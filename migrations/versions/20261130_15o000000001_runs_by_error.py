"""Operators list runs by the code of their error."""

import sqlalchemy as sa
from alembic import op

revision = "15o000000001"
down_revision = "15p000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_run_error_code", "run", [sa.text("(error ->> 'code')"), "id"], schema="workflow",
                    postgresql_where=sa.text("error IS NOT NULL"))  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_run_error_code", "run", schema="workflow")
