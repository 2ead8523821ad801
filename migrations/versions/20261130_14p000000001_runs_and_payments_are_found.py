"""Indexes by which operators find runs and payments."""

import sqlalchemy as sa
from alembic import op

revision = "14p000000001"
down_revision = "13f000000002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("owner", "request_id"):
        columns = [column, "id"]
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_run_{column}_id", "run", columns, schema="workflow", postgresql_where=where)
    op.create_index("ix_payment_status_id", "payment", ["status", "id"], schema="payments")


def downgrade() -> None:
    op.drop_index("ix_payment_status_id", "payment", schema="payments")
    for column in ("owner", "request_id"):
        op.drop_index(f"ix_run_{column}_id", "run", schema="workflow")
