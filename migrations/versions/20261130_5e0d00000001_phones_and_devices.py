"""Phone numbers and devices of users, and why a notification is sent again later."""

import sqlalchemy as sa
from alembic import op

revision = "5e0d00000001"
down_revision = "4e9047000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notification", sa.Column("last_error", sa.String()), schema="notifications")
    op.create_table(
        "phone",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("code_of", sa.Uuid(), nullable=False),
        sa.Column("code_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_phone"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.user.id"], name="fk_phone_user_id_user", ondelete="CASCADE"),
        sa.CheckConstraint("attempts BETWEEN 0 AND 5", name="ck_phone_attempts"),
        sa.CheckConstraint(r"number ~ '^\+[1-9][0-9]{6,14}$'", name="ck_phone_number"),
        schema="accounts",
    )
    op.create_index("ix_phone_code_expires_at_user_id", "phone", ["code_expires_at", "user_id"], schema="accounts")
    op.create_table(
        "device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("endpoint", sa.String(1000), nullable=False),
        sa.Column("p256dh", sa.String(100), nullable=False),
        sa.Column("auth", sa.String(40), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.user.id"], name="fk_device_user_id_user", ondelete="CASCADE"),
        sa.UniqueConstraint("endpoint", name="uq_device_endpoint"),
        schema="accounts",
    )
    op.create_index("ix_device_user_id_id", "device", ["user_id", "id"], schema="accounts")


def downgrade() -> None:
    op.drop_table("device", schema="accounts")
    op.drop_table("phone", schema="accounts")
    op.drop_column("notification", "last_error", schema="notifications")
