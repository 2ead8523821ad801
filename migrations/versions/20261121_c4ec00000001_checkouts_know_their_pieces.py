"""A checkout's input says what it is to hold, so that its steps need not ask: those under way get to know it, too."""

from alembic import op

revision = "c4ec00000001"
down_revision = "ca7a10600001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        UPDATE workflow.run SET input = input || jsonb_build_object('pieces', (
            SELECT coalesce(jsonb_object_agg('prd_' || replace(product_id::text, '-', ''), quantity), '{}')
            FROM orders.line WHERE order_id = replace(input->>'order_id', 'ord_', '')::uuid
        ))
        WHERE workflow = 'checkout' AND status NOT IN ('succeeded', 'cancelled')
    """)


def downgrade() -> None:
    op.execute("UPDATE workflow.run SET input = input - 'pieces' WHERE workflow = 'checkout'")
