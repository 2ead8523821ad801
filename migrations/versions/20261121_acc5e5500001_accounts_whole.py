"""Default addresses, preferences, password resets, counted guesses, API keys, and who did what.

Everything is added; what is there stays as it is. Of each user's addresses the oldest becomes the default.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "acc5e5500001"
down_revision = "ca4700000001"
branch_labels = None
depends_on = None

GRANTS = (("staff", "users:read"), ("admin", "users:read"), ("admin", "roles:write"), ("admin", "keys:write"))


def upgrade() -> None:
    op.add_column(
        "address",
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="accounts",
    )
    op.execute("""
        UPDATE accounts.address SET is_default = true
        WHERE id IN (SELECT DISTINCT ON (user_id) id FROM accounts.address ORDER BY user_id, id)
    """)
    op.create_index(
        "uq_address_default",
        "address",
        ["user_id"],
        unique=True,
        schema="accounts",
        postgresql_where=sa.text("is_default"),
    )
    # Prefixes are looked for; under the database's collation a plain index does not serve that.
    for column in ("username", "email", "last_name"):
        op.create_index(
            f"ix_user_{column}_prefix",
            "user",
            [sa.literal_column(f"lower({column}) text_pattern_ops")],
            schema="accounts",
        )
    _new_tables()
    _who_did_what()
    for role, permission in GRANTS:
        op.execute(
            sa.text("""
                INSERT INTO access.role_permission (role, permission)
                SELECT name, :permission FROM access.role WHERE name = :role ON CONFLICT DO NOTHING
            """).bindparams(role=role, permission=permission)
        )


def _new_tables() -> None:
    op.create_table(
        "preference",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user.id"], name=op.f("fk_preference_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "kind", "channel", name=op.f("pk_preference")),
        schema="accounts",
    )
    op.create_table(
        "password_reset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user.id"], name=op.f("fk_password_reset_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_reset_token_hash")),
        schema="accounts",
    )
    op.create_index(op.f("ix_password_reset_user_id"), "password_reset", ["user_id"], schema="accounts")
    op.create_table(
        "guess",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_guess")),
        schema="accounts",
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
        schema="access",
    )
    op.create_index("ix_api_key_user_id_id", "api_key", ["user_id", "id"], schema="access")


def _who_did_what() -> None:
    for column in ("subject", "actor"):
        op.add_column("event", sa.Column(column, sa.String(length=64), nullable=True), schema="workflow")
        op.create_index(
            f"ix_event_{column}_id",
            "event",
            [column, "id"],
            schema="workflow",
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index("ix_event_name_id", "event", ["name", "id"], schema="workflow")


def downgrade() -> None:
    op.drop_index("ix_event_name_id", "event", schema="workflow")
    for column in ("subject", "actor"):
        op.drop_column("event", column, schema="workflow")
    op.drop_table("api_key", schema="access")
    for table in ("guess", "password_reset", "preference"):
        op.drop_table(table, schema="accounts")
    for column in ("username", "email", "last_name"):
        op.drop_index(f"ix_user_{column}_prefix", "user", schema="accounts")
    op.drop_column("address", "is_default", schema="accounts")
    for _, permission in GRANTS:
        op.execute(sa.text("DELETE FROM access.role_permission WHERE permission = :name").bindparams(name=permission))
