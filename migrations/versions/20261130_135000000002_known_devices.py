"""From where users sign in, and the devices that are known.

Each user with a session gets a known device that matches none: the first sign-in after the upgrade is reported.
"""

import sqlalchemy as sa
from alembic import op

revision = "135000000002"
down_revision = "13c000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, length in (("device", 100), ("place", 100), ("network", 43)):
        op.add_column("session", sa.Column(name, sa.String(length)), schema="accounts")
    now = sa.text("now()")
    op.create_table(
        "known_device",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "fingerprint", name="pk_known_device"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user.id"], name="fk_known_device_user_id_user", ondelete="CASCADE"
        ),
        schema="accounts",
    )
    op.create_index(
        "ix_known_device_age", "known_device", ["last_seen_at", "user_id", "fingerprint"], schema="accounts"
    )
    op.execute("""INSERT INTO accounts.known_device (user_id, fingerprint)
        SELECT DISTINCT user_id, 'before the upgrade' FROM accounts.session""")


def downgrade() -> None:
    op.drop_table("known_device", schema="accounts")
    for name in ("network", "place", "device"):
        op.drop_column("session", name, schema="accounts")
