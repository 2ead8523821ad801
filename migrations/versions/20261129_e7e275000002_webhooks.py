"""Webhook endpoints and deliveries. `admin` gets the permissions `webhooks:read` and `webhooks:write`."""

import sqlalchemy as sa
from alembic import op

revision = "e7e275000002"
down_revision = "e7e275000001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("description", sa.String(200), server_default="", nullable=False),
        sa.Column("types", sa.ARRAY(sa.String), nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("previous_secret", sa.String(100)),
        sa.Column("previous_until", TIME),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("failing_since", TIME),
        sa.Column("disabled_at", TIME),
        sa.Column("disabled_because", sa.String(300)),
        sa.Column("deleted_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
        schema="webhooks",
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("endpoint_id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("succeeded", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("due_at", TIME),
        sa.Column("begun_at", TIME),
        sa.Column("attempted_at", TIME),
        sa.Column("url", sa.String(2000)),
        sa.Column("response_status", sa.Integer),
        sa.Column("response_body", sa.String),
        sa.Column("error", sa.String(300)),
        sa.Column("duration", sa.Integer),
        sa.Column("created_at", TIME, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        schema="webhooks",
    )
    op.create_index(
        "ix_delivery_endpoint_event", "delivery", ["endpoint_id", "event_id"], unique=True, schema="webhooks"
    )
    op.create_index(
        "ix_delivery_due", "delivery", ["endpoint_id", "position"], schema="webhooks",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )  # fmt: skip
    op.execute("""
        INSERT INTO access.role_permission (role, permission)
        SELECT name, permission FROM access.role, unnest(ARRAY['webhooks:read', 'webhooks:write']) AS permission
        WHERE name = 'admin' ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.execute("DELETE FROM access.role_permission WHERE permission LIKE 'webhooks:%'")
    op.drop_table("delivery", schema="webhooks")
    op.drop_table("endpoint", schema="webhooks")
