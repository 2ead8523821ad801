"""Customers wait for products that are sold out."""

import sqlalchemy as sa
from alembic import op

revision = "bac5000c0001"
down_revision = "7e3b1a7e0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "waiting",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "user_id", name="pk_waiting"),
        schema="inventory",
    )
    op.create_index("ix_waiting_user_id", "waiting", ["user_id"], schema="inventory")


def downgrade() -> None:
    op.drop_table("waiting", schema="inventory")
