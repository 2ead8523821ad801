"""Indexes along which old rows are deleted in portions: ended sessions, mailed tokens, the gateway's events."""

import sqlalchemy as sa
from alembic import op

revision = "2e7e27100001"
down_revision = "d0ab1e000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_session_over", "session", [sa.literal_column("least(expires_at, ended_at)")], schema="accounts")
    op.drop_index("ix_session_expires_at", table_name="session", schema="accounts")
    op.create_index("ix_password_reset_expires_at", "password_reset", ["expires_at"], schema="accounts")
    op.create_index("ix_webhook_event_received_at", "webhook_event", ["received_at"], schema="payments")


def downgrade() -> None:
    op.drop_index("ix_webhook_event_received_at", table_name="webhook_event", schema="payments")
    op.drop_index("ix_password_reset_expires_at", table_name="password_reset", schema="accounts")
    op.create_index("ix_session_expires_at", "session", ["expires_at"], schema="accounts")
    op.drop_index("ix_session_over", table_name="session", schema="accounts")
