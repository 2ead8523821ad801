"""Second factors, recovery codes, challenges of sign-ins, and how each session was opened."""

import sqlalchemy as sa
from alembic import op

revision = "135000000001"
down_revision = "13a000000001"
branch_labels = None
depends_on = None

METHODS = ("password", "password+totp", "password+recovery_code", "oidc", "oidc+totp", "oidc+recovery_code", "passkey")


def upgrade() -> None:
    method = sa.Column("method", sa.String(32), server_default="password", nullable=False)
    op.add_column("session", method, schema="accounts")
    names = ", ".join(f"'{name}'" for name in METHODS)
    op.create_check_constraint("ck_session_method", "session", f"method IN ({names})", schema="accounts")
    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.Integer()),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factor"),
        _of_user("second_factor"),
        schema="accounts",
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name="pk_recovery_code"),
        _of_user("recovery_code"),
        schema="accounts",
    )
    op.create_table(
        "spent_challenge",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_spent_challenge"),
        schema="accounts",
    )
    op.create_index(
        "ix_spent_challenge_expires_at_digest", "spent_challenge", ["expires_at", "digest"], schema="accounts"
    )


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["accounts.user.id"], name=f"fk_{table}_user_id_user", ondelete="CASCADE"
    )


def downgrade() -> None:
    op.drop_table("spent_challenge", schema="accounts")
    op.drop_table("recovery_code", schema="accounts")
    op.drop_table("second_factor", schema="accounts")
    op.drop_constraint("ck_session_method", "session", schema="accounts")
    op.drop_column("session", "method", schema="accounts")
