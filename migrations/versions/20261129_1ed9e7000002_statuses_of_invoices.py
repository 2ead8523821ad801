"""Invoices have a status that can change: `issued`, `paid` or `void`.

Until now, every invoice is `issued`. The new CHECK constraint reads `orders.invoice` once, with the table locked:
about a second for a million rows.
"""

from alembic import op

revision = "1ed9e7000002"
down_revision = "4e7041000001"
branch_labels = None
depends_on = None

STATUSES = ("issued", "paid", "void")


def upgrade() -> None:
    op.create_check_constraint(op.f("ck_invoice_status"), "invoice", f"status IN {STATUSES}", schema="orders")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_invoice_status"), "invoice", schema="orders", type_="check")
