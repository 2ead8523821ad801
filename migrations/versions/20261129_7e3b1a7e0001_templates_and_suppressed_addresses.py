"""Templates that staff change, suppressed addresses, and the delivery log of a user.

The index of a user's notifications is replaced by one in the order of the log. The table is locked against writes while
it is built, about a second for a million rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "7e3b1a7e0001"
down_revision = "e8c4a46e0001"
branch_labels = None
depends_on = None

PERMISSION = "notifications:read"


def upgrade() -> None:
    op.add_column("notification", sa.Column("attempts", sa.Integer()), schema="notifications")
    op.add_column("notification", sa.Column("bounced_at", sa.DateTime(timezone=True)), schema="notifications")
    op.create_index("ix_notification_user_id_id", "notification", ["user_id", "id"], schema="notifications")
    op.drop_index("ix_notification_user_id", "notification", schema="notifications")
    op.create_table(
        "template",
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.String(500)),
        sa.PrimaryKeyConstraint("kind", "channel", "language", name="pk_template"),
        schema="notifications",
    )
    op.create_table(
        "suppression",
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_suppression"),
        schema="notifications",
    )
    for role in ("admin", "staff"):
        op.execute(
            sa.text("""
                INSERT INTO access.role_permission (role, permission)
                SELECT name, :permission FROM access.role WHERE name = :role ON CONFLICT DO NOTHING
            """).bindparams(role=role, permission=PERMISSION)
        )


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM access.role_permission WHERE permission = :name").bindparams(name=PERMISSION))
    op.drop_table("suppression", schema="notifications")
    op.drop_table("template", schema="notifications")
    op.create_index("ix_notification_user_id", "notification", ["user_id"], schema="notifications")
    op.drop_index("ix_notification_user_id_id", "notification", schema="notifications")
    op.drop_column("notification", "bounced_at", schema="notifications")
    op.drop_column("notification", "attempts", schema="notifications")
