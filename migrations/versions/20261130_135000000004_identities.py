"""Identities of users at providers of OpenID Connect."""

import sqlalchemy as sa
from alembic import op

revision = "135000000004"
down_revision = "135000000003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_identity"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.user.id"], name="fk_identity_user_id_user", ondelete="CASCADE"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identity_issuer_subject"),
        schema="accounts",
    )
    op.create_index("ix_identity_user_id_id", "identity", ["user_id", "id"], schema="accounts")


def downgrade() -> None:
    op.drop_table("identity", schema="accounts")
