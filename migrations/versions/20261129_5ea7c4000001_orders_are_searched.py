"""Orders are searched: by the customer's name, which they now keep, by status, SKU and tag.

For a million orders it takes about a minute: the names are copied into each order, and the indexes read their tables
once. Orders cannot be placed meanwhile. Names of closed accounts are empty, and not copied.
"""

import sqlalchemy as sa
from alembic import op

revision = "5ea7c4000001"
down_revision = "1ed9e7000002"
branch_labels = None
depends_on = None

NAMES = """
    UPDATE orders."order" AS placed SET first_name = customer.first_name, last_name = customer.last_name
    FROM accounts.user AS customer WHERE customer.id = placed.user_id AND customer.status = 'active'
"""


def upgrade() -> None:
    for name in ("first_name", "last_name"):
        op.add_column("order", sa.Column(name, sa.String(100)), schema="orders")
    op.execute(NAMES)
    op.create_index("ix_order_status_id", "order", ["status", "id"], schema="orders")
    full_name = sa.text("lower((first_name::text || ' '::text) || last_name::text)")
    op.create_index("ix_order_full_name", "order", [full_name, "id"], schema="orders")
    op.create_index("ix_order_last_name", "order", [sa.text("lower(last_name)"), "id"], schema="orders")
    op.create_index(
        "ix_order_tags", "order", ["tags"], schema="orders", postgresql_using="gin",
        postgresql_where=sa.text("tags <> '{}'"),
    )  # fmt: skip
    op.create_index("ix_line_sku_order_id", "line", ["sku", "order_id"], schema="orders")
    op.create_index("ix_payment_status_order_id", "payment", ["status", "order_id"], schema="payments")


def downgrade() -> None:
    op.drop_index("ix_payment_status_order_id", "payment", schema="payments")
    op.drop_index("ix_line_sku_order_id", "line", schema="orders")
    for name in ("ix_order_tags", "ix_order_last_name", "ix_order_full_name", "ix_order_status_id"):
        op.drop_index(name, "order", schema="orders")
    for name in ("last_name", "first_name"):
        op.drop_column("order", name, schema="orders")
