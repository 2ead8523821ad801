"""Until when a dispute can be responded to; staff list disputes by status."""

import sqlalchemy as sa
from alembic import op

revision = "15e000000001"
down_revision = "15v000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transaction", sa.Column("respond_by", sa.DateTime(timezone=True)), schema="payments")
    op.create_index(
        "ix_transaction_dispute", "transaction", ["status", "id"], schema="payments",
        postgresql_where=sa.text("kind = 'dispute'"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_transaction_dispute", "transaction", schema="payments")
    op.drop_column("transaction", "respond_by", schema="payments")
