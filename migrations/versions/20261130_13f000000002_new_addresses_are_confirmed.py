"""New e-mail addresses that are not confirmed yet, and the keys of former ones."""

import sqlalchemy as sa
from alembic import op

revision = "13f000000002"
down_revision = "13a000000003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pending_email",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_pending_email"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user.id"], name="fk_pending_email_user_id_user", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("token_hash", name="uq_pending_email_token_hash"),
        schema="accounts",
    )
    op.create_index(
        "ix_pending_email_expires_at_user_id", "pending_email", ["expires_at", "user_id"], schema="accounts"
    )
    # Existing rows have no key, and are deleted within a week.
    op.add_column("email_change", sa.Column("email_key", sa.String()), schema="accounts")
    op.create_index("ix_email_change_email_key", "email_change", ["email_key"], schema="accounts")


def downgrade() -> None:
    op.drop_column("email_change", "email_key", schema="accounts")
    op.drop_table("pending_email", schema="accounts")
