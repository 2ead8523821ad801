"""Confirmations of e-mail addresses, and mails that are held until then. Existing users count as confirmed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "13a000000003"
down_revision = "13f000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("email_confirmed_at", sa.DateTime(timezone=True)), schema="accounts")
    op.execute('UPDATE accounts."user" SET email_confirmed_at = created_at')
    # Existing tokens are valid for an hour; they reset the password and confirm nothing.
    op.add_column("password_reset", sa.Column("email", sa.String(254)), schema="accounts")
    op.create_table(
        "email_confirmation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_email_confirmation"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user.id"], name="fk_email_confirmation_user_id_user", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("token_hash", name="uq_email_confirmation_token_hash"),
        schema="accounts",
    )
    op.create_index("ix_email_confirmation_user_id", "email_confirmation", ["user_id"], schema="accounts")
    op.create_index("ix_email_confirmation_expires_at", "email_confirmation", ["expires_at"], schema="accounts")
    op.add_column("notification", sa.Column("held", JSONB()), schema="notifications")
    op.create_index(
        "ix_notification_held", "notification", ["user_id", "id"], schema="notifications",
        postgresql_where=sa.text("held IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_column("notification", "held", schema="notifications")
    op.drop_table("email_confirmation", schema="accounts")
    op.drop_column("password_reset", "email", schema="accounts")
    op.drop_column("user", "email_confirmed_at", schema="accounts")
