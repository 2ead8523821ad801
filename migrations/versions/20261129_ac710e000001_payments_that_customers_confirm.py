"""Payments that the customer has to confirm: `action_required`, with the next action.

The new columns are nullable, so no row is rewritten. The CHECK constraint reads `payments.payment` once, with the table
locked: about a second for a million rows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "ac710e000001"
down_revision = "5ea7c4000001"
branch_labels = None
depends_on = None

BEFORE = (
    "pending", "authorised", "partially_captured", "captured", "partially_refunded", "declined", "voided", "refunded",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("payment", sa.Column("return_url", sa.String), schema="payments")
    op.add_column("payment", sa.Column("next_action", JSONB(none_as_null=True)), schema="payments")
    _check((*BEFORE, "action_required"))


def downgrade() -> None:
    op.execute("UPDATE payments.payment SET status = 'pending' WHERE status = 'action_required'")
    _check(BEFORE)
    op.drop_column("payment", "next_action", schema="payments")
    op.drop_column("payment", "return_url", schema="payments")


def _check(statuses: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_payment_status"), "payment", schema="payments", type_="check")
    op.create_check_constraint(op.f("ck_payment_status"), "payment", f"status IN {statuses}", schema="payments")
