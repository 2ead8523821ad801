"""Stock counts, who may approve them, and products that are found by their barcode."""

import sqlalchemy as sa
from alembic import op

revision = "c0047e000001"
down_revision = "1a95ed000001"
branch_labels = None
depends_on = None

STATUSES = ("open", "submitted", "approved", "booked", "refused", "cancelled", "expired")
SCOPES = ("warehouse", "category", "products")


def upgrade() -> None:
    create_counts()
    create_lines()
    op.create_index(
        "ix_product_isbn", "product", [sa.text("(attributes->>'isbn')")], schema="catalogue",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )  # fmt: skip
    op.execute("""
        INSERT INTO access.role_permission (role, permission)
        SELECT name, 'stock:approve' FROM access.role WHERE name IN ('admin', 'warehouse') ON CONFLICT DO NOTHING
    """)


def create_counts() -> None:
    op.create_table(
        "stock_count",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("category_id", sa.Uuid()),
        sa.Column("status", sa.String(16), server_default="open", nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by", sa.String(64)),
        sa.Column("submitted_by", sa.String(64)),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.String(64)),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.String(500)),
        sa.Column("booked_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_stock_count_status")),
        sa.CheckConstraint(f"scope IN {SCOPES}", name=op.f("ck_stock_count_scope")),
        sa.CheckConstraint("(scope = 'category') = (category_id IS NOT NULL)", name=op.f("ck_stock_count_category")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["inventory.warehouse.id"], name=op.f("fk_stock_count_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count")),
        schema="inventory",
    )
    op.create_index("ix_stock_count_warehouse", "stock_count", ["warehouse_id", "id"], schema="inventory")


def create_lines() -> None:
    op.create_table(
        "stock_count_line",
        sa.Column("stock_count_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("unit_value", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Integer()),
        sa.Column("counted", sa.Integer()),
        sa.Column("difference", sa.Integer(), sa.Computed("counted - expected", persisted=True)),
        sa.Column("counted_by", sa.String(64)),
        sa.Column("counted_at", sa.DateTime(timezone=True)),
        sa.Column("booked", sa.Integer()),
        sa.Column("short", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("counted >= 0 AND expected >= 0", name=op.f("ck_stock_count_line_positive")),
        sa.CheckConstraint("(counted IS NULL) = (expected IS NULL)", name=op.f("ck_stock_count_line_snapshot")),
        sa.CheckConstraint("(counted IS NULL) = (counted_at IS NULL)", name=op.f("ck_stock_count_line_counted_at")),
        sa.CheckConstraint("short >= 0", name=op.f("ck_stock_count_line_short")),
        sa.CheckConstraint(
            "coalesce(booked - short = counted - expected, booked IS NULL AND short = 0)",
            name=op.f("ck_stock_count_line_booked"),
        ),
        sa.ForeignKeyConstraint(
            ["stock_count_id"], ["inventory.stock_count.id"], name=op.f("fk_stock_count_line_stock_count_id")
        ),
        sa.PrimaryKeyConstraint("stock_count_id", "product_id", name=op.f("pk_stock_count_line")),
        schema="inventory",
    )
    op.create_index(
        "ix_stock_count_line_differing", "stock_count_line", ["stock_count_id", "product_id"], schema="inventory",
        postgresql_where=sa.text("difference <> 0"),
    )  # fmt: skip


def downgrade() -> None:
    op.execute("DELETE FROM access.role_permission WHERE permission = 'stock:approve'")
    op.drop_index("ix_product_isbn", "product", schema="catalogue")
    for table in ("stock_count_line", "stock_count"):
        op.drop_table(table, schema="inventory")
