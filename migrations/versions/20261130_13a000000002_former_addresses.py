"""Former e-mail addresses of users, and the tokens that restore them."""

import sqlalchemy as sa
from alembic import op

revision = "13a000000002"
down_revision = "135000000004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "email_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_email_change"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user.id"], name="fk_email_change_user_id_user", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("token_hash", name="uq_email_change_token_hash"),
        schema="accounts",
    )
    op.create_index("ix_email_change_user_id", "email_change", ["user_id"], schema="accounts")
    op.create_index("ix_email_change_expires_at", "email_change", ["expires_at"], schema="accounts")


def downgrade() -> None:
    op.drop_table("email_change", schema="accounts")
