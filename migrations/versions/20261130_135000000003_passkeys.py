"""Passkeys."""

import sqlalchemy as sa
from alembic import op

revision = "135000000003"
down_revision = "135000000002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("aaguid", sa.String(36), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_passkey"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.user.id"], name="fk_passkey_user_id_user", ondelete="CASCADE"),
        sa.UniqueConstraint("credential_id", name="uq_passkey_credential_id"),
        schema="accounts",
    )
    op.create_index("ix_passkey_user_id_id", "passkey", ["user_id", "id"], schema="accounts")


def downgrade() -> None:
    # A session that was opened with a passkey becomes one of a single factor.
    op.execute("UPDATE accounts.session SET method = 'password' WHERE method = 'passkey'")
    op.drop_table("passkey", schema="accounts")
