"""When the user of a session has given the password again."""

import sqlalchemy as sa
from alembic import op

revision = "13f000000001"
down_revision = "13a000000002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: not since the session was opened. So no row is rewritten.
    op.add_column("session", sa.Column("authenticated_at", sa.DateTime(timezone=True)), schema="accounts")


def downgrade() -> None:
    op.drop_column("session", "authenticated_at", schema="accounts")
