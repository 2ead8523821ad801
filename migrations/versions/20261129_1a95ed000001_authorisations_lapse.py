"""Authorised payments are found by provider, to see which are about to lapse. They are few at any time."""

import sqlalchemy as sa
from alembic import op

revision = "1a95ed000001"
down_revision = "e7e275000002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_payment_authorised", "payment", ["gateway", "id"], schema="payments",
        postgresql_where=sa.text("status = 'authorised'"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_payment_authorised", "payment", schema="payments")
