"""The audit log: a chain over the events of staff.

Events from before are not covered: a chain that is made later proves nothing about them.
"""

import sqlalchemy as sa
from alembic import op

revision = "13e000000001"
down_revision = "5e0d00000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("before_at", sa.DateTime(timezone=True)),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_entry"),
        sa.UniqueConstraint("event_id", name="uq_audit_entry_event_id"),
        schema="workflow",
    )


def downgrade() -> None:
    op.drop_table("audit_entry", schema="workflow")
