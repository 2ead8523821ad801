"""Staff list returns by status."""

from alembic import op

revision = "15r000000001"
down_revision = "15o000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_return_status", "return", ["status", "id"], schema="returns")


def downgrade() -> None:
    op.drop_index("ix_return_status", "return", schema="returns")
