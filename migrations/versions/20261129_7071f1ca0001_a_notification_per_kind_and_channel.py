"""A notification is unique per key, kind and channel. The key no longer ends in the kind."""

from alembic import op

revision = "7071f1ca0001"
down_revision = "7e23a5000001"
branch_labels = None
depends_on = None

ONCE = "uq_notification_key_kind_channel"


def upgrade() -> None:
    op.drop_constraint(op.f("uq_notification_key"), "notification", schema="notifications")
    op.execute(
        "UPDATE notifications.notification SET key = left(key, -length(':' || kind)) WHERE key LIKE '%:' || kind"
    )
    op.create_unique_constraint(ONCE, "notification", ["key", "kind", "channel"], schema="notifications")


def downgrade() -> None:
    op.drop_constraint(ONCE, "notification", schema="notifications")
    op.execute("UPDATE notifications.notification SET key = key || ':' || kind WHERE user_id IS NULL")
    op.create_unique_constraint(op.f("uq_notification_key"), "notification", ["key"], schema="notifications")
