"""Reports have kinds, subscribers and daily sales; stock has an average cost.

The lines of reports become JSON, as each kind has other columns. Daily sales are filled from the orders; changes that
workers of the release before make meanwhile are corrected by `shop rebuild-sales`.
"""

import sqlalchemy as sa
from alembic import op

revision = "4e9047000001"
down_revision = "c0047e000001"
branch_labels = None
depends_on = None

FIGURES = ("sold", "sold_amount", "cancelled", "cancelled_amount", "returned", "returned_amount")

LINES = """
    INSERT INTO reports.new_line (report_id, slice, number, cells)
    SELECT report_id, 0, row_number() OVER (PARTITION BY report_id ORDER BY line.warehouse_id, line.product_id),
        jsonb_build_object(
            'warehouse', name, 'warehouse_id', 'wh_' || replace(line.warehouse_id::text, '-', ''),
            'product_id', 'prd_' || replace(line.product_id::text, '-', ''), 'sku', sku, 'title', title, 'kind', kind,
            'on_hand', on_hand, 'reserved', reserved, 'available', on_hand - reserved, 'came', came, 'went', went,
            'reorder_point', reorder_point, 'low', low
        )
    FROM reports.line LEFT JOIN inventory.warehouse ON warehouse.id = line.warehouse_id"""

# The groups of an old report are its warehouses.
BODIES = """
    UPDATE reports.report SET rows = (SELECT count(*) FROM reports.line WHERE report_id = report.id),
        body = jsonb_build_object('groups', coalesce((
            SELECT jsonb_agg(jsonb_build_object('name', part->'name') || (part->'totals'))
            FROM jsonb_array_elements(body->'warehouses') AS part
        ), '[]'), 'charts', '[]'::jsonb)"""

SALES = """
    INSERT INTO reports.daily_sales (day, product_id, sold, sold_amount, cancelled, cancelled_amount, returned,
        returned_amount)
    WITH firm AS (
        SELECT placed.id, status, cancelled_at, confirmed_at, product_id, quantity, cancelled, unit_price
        FROM orders.line JOIN orders."order" AS placed ON placed.id = order_id WHERE confirmed_at IS NOT NULL
    ), known AS (
        SELECT event.created_at, firm.id, firm.product_id, units::int AS units, unit_price
        FROM workflow.event CROSS JOIN jsonb_each_text(payload->'lines') AS line (product, units)
        JOIN firm ON 'ord_' || replace(firm.id::text, '-', '') = payload->>'order_id'
            AND 'prd_' || replace(firm.product_id::text, '-', '') = product
        WHERE name = 'order.lines_cancelled'
    ), dated AS (
        SELECT confirmed_at AS at, product_id, unit_price, quantity AS sold, 0 AS cancelled, 0 AS returned FROM firm
        UNION ALL SELECT created_at, product_id, unit_price, 0, units, 0 FROM known
        UNION ALL
        SELECT confirmed_at, product_id, unit_price, 0, cancelled - coalesce(units, 0)::int, 0
        FROM firm LEFT JOIN (SELECT id, product_id, sum(units) AS units FROM known GROUP BY 1, 2) AS summed
            USING (id, product_id) WHERE cancelled > coalesce(units, 0)
        UNION ALL
        SELECT cancelled_at, product_id, unit_price, 0, quantity - cancelled, 0 FROM firm
        WHERE status = 'cancelled' AND quantity > cancelled
        UNION ALL
        SELECT moved.created_at, moved.product_id, unit_price, 0, 0, moved.quantity
        FROM inventory.movement AS moved
        JOIN returns.return AS made ON 'ret_' || replace(made.id::text, '-', '') = moved.reference
        JOIN orders.line ON line.order_id = made.order_id AND line.product_id = moved.product_id
        WHERE moved.reason = 'return' AND moved.quantity > 0
    )
    SELECT (at AT TIME ZONE 'UTC')::date, product_id, sum(sold), sum(sold * unit_price), sum(cancelled),
        sum(cancelled * unit_price), sum(returned), sum(returned * unit_price)
    FROM dated GROUP BY 1, 2"""


def upgrade() -> None:
    op.add_column("stock", sa.Column("average_cost", sa.Numeric(18, 6)), schema="inventory")
    op.add_column("movement", sa.Column("unit_cost", sa.Numeric(18, 6)), schema="inventory")
    op.add_column("transfer_line", sa.Column("unit_cost", sa.Numeric(18, 6)), schema="inventory")
    op.add_column("purchase_order_line", sa.Column("unit_cost", sa.BigInteger()), schema="inventory")
    op.create_check_constraint("unit_cost", "purchase_order_line", "unit_cost >= 0", schema="inventory")
    op.create_index(
        "ix_purchase_order_line_cost", "purchase_order_line", ["product_id", "purchase_order_id"], schema="inventory",
        postgresql_where=sa.text("unit_cost IS NOT NULL"),
    )  # fmt: skip
    _create_sales()
    op.execute(SALES)
    op.add_column("report", sa.Column("kind", sa.String(32), server_default="levels", nullable=False), schema="reports")
    op.add_column(
        "report", sa.Column("options", sa.dialects.postgresql.JSONB(), server_default="{}", nullable=False),
        schema="reports",
    )  # fmt: skip
    op.add_column("report", sa.Column("rows", sa.Integer(), server_default="0", nullable=False), schema="reports")
    op.create_table(
        "new_line",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("slice", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cells", sa.dialects.postgresql.JSONB(), nullable=False),
        schema="reports",
    )
    op.execute(LINES)
    op.execute(BODIES)
    op.drop_table("line", schema="reports")
    op.rename_table("new_line", "line", schema="reports")
    op.create_primary_key("pk_line", "line", ["report_id", "slice", "number"], schema="reports")
    op.create_table(
        "subscription",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("schedule", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("schedule IN ('daily', 'weekly', 'monthly')", name=op.f("ck_subscription_schedule")),
        sa.PrimaryKeyConstraint("user_id", "kind", "schedule", name=op.f("pk_subscription")),
        schema="reports",
    )
    op.create_index("ix_subscription_kind_schedule", "subscription", ["kind", "schedule"], schema="reports")


def _create_sales() -> None:
    op.create_table(
        "sales_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        *_figures(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_change")),
        schema="reports",
    )
    op.create_table(
        "daily_sales",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        *_figures(),
        sa.PrimaryKeyConstraint("day", "product_id", name=op.f("pk_daily_sales")),
        schema="reports",
    )
    op.create_index("ix_daily_sales_product_id_day", "daily_sales", ["product_id", "day"], schema="reports")


def _figures() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in FIGURES]


def downgrade() -> None:
    """Levels keep their lines; reports of other kinds are lost."""
    for table in ("subscription", "daily_sales", "sales_change"):
        op.drop_table(table, schema="reports")
    op.execute("DELETE FROM reports.report WHERE kind <> 'levels'")
    op.rename_table("line", "new_line", schema="reports")
    op.execute("ALTER INDEX reports.pk_line RENAME TO pk_new_line")
    _create_old_lines()
    op.execute("""
        INSERT INTO reports.line
        SELECT report_id, replace(cells->>'warehouse_id', 'wh_', '')::uuid,
            replace(cells->>'product_id', 'prd_', '')::uuid, cells->>'sku', cells->>'title', cells->>'kind',
            (cells->>'on_hand')::int, (cells->>'reserved')::int, (cells->>'came')::bigint, (cells->>'went')::bigint,
            (cells->>'reorder_point')::int, (cells->>'low')::boolean
        FROM reports.new_line JOIN reports.report ON report.id = report_id
    """)
    op.execute("""UPDATE reports.report SET body = jsonb_build_object('warehouses', coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', warehouse.id, 'name', warehouse.name, 'status', status,
            'totals', part - 'name', 'kinds', '{}'::jsonb, 'movements', '[]'::jsonb, 'low', '[]'::jsonb))
        FROM jsonb_array_elements(body->'groups') AS part JOIN inventory.warehouse ON warehouse.name = part->>'name'
    ), '[]'))""")
    op.drop_table("new_line", schema="reports")
    for column in ("kind", "options", "rows"):
        op.drop_column("report", column, schema="reports")
    op.drop_index("ix_purchase_order_line_cost", "purchase_order_line", schema="inventory")
    for table in ("purchase_order_line", "transfer_line", "movement"):
        op.drop_column(table, "unit_cost", schema="inventory")
    op.drop_column("stock", "average_cost", schema="inventory")


def _create_old_lines() -> None:
    op.create_table(
        "line",
        *(sa.Column(f"{name}_id", sa.Uuid(), nullable=False) for name in ("report", "warehouse", "product")),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("came", sa.BigInteger(), nullable=False),
        sa.Column("went", sa.BigInteger(), nullable=False),
        sa.Column("reorder_point", sa.Integer()),
        sa.Column("low", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("report_id", "warehouse_id", "product_id", name=op.f("pk_line")),
        schema="reports",
    )
    op.create_index(
        "ix_line_low", "line", ["report_id", "warehouse_id"], schema="reports", postgresql_where=sa.text("low")
    )
