"""An order may have several payments, and a payment may be captured in several parts.

The index that looks payments up by their order is no longer unique, and comes before the unique constraint goes. What a
payment can have only once is its hold and its release; captures and refunds may come in parts. No row is changed. Both
tables are locked against writes while their indexes are built, about a second for a million rows.

Downgrade: fails while an order has two payments or a payment two captures.
"""

import sqlalchemy as sa
from alembic import op

revision = "9a7e00000001"
down_revision = "7071f1ca0001"
branch_labels = None
depends_on = None

ONCE = "uq_transaction_once"


def upgrade() -> None:
    op.create_index("ix_payment_order_id", "payment", ["order_id"], schema="payments")
    op.drop_constraint("uq_payment_order_id", "payment", schema="payments", type_="unique")
    replace_once("status = 'succeeded' AND kind IN ('authorise', 'void')")


def downgrade() -> None:
    replace_once("status = 'succeeded' AND kind <> 'refund'")
    op.create_unique_constraint("uq_payment_order_id", "payment", ["order_id"], schema="payments")
    op.drop_index("ix_payment_order_id", "payment", schema="payments")


def replace_once(which: str) -> None:
    """Says anew which kinds of transactions a payment has only once."""
    op.drop_index(ONCE, "transaction", schema="payments")
    op.create_index(
        ONCE, "transaction", ["payment_id", "kind"], unique=True, schema="payments", postgresql_where=sa.text(which)
    )
