"""Kinds of products are data, with the attributes that their products may have.

Written out rather than imported: a migration must not change when the code does.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "14v000000003"
down_revision = "14v000000002"
branch_labels = None
depends_on = None

TITLES = {"book": "Books", "clothing": "Clothing", "electronics": "Electronics"}
ATTRIBUTES: dict[str, tuple[dict[str, Any], ...]] = {
    "book": (
        {"name": "published_on", "type": "date"},
        {"name": "isbn", "type": "isbn"},
        {"name": "pages", "type": "integer", "minimum": 1, "maximum": 100000},
        {"name": "language", "type": "text"},
        {"name": "format", "type": "text"},
        {"name": "publisher", "type": "text"},
        {"name": "edition", "type": "text"},
    ),
    "clothing": (
        {"name": "size", "type": "text"},
        {"name": "colour", "type": "text"},
        {"name": "material", "type": "text"},
        {"name": "brand", "type": "text"},
        {"name": "gender", "type": "text"},
        {"name": "fit", "type": "text"},
        {"name": "care", "type": "text"},
    ),
    "electronics": (
        {"name": "brand", "type": "text"},
        {"name": "model", "type": "text"},
        {"name": "warranty_months", "type": "integer", "minimum": 0, "maximum": 600},
        {"name": "colour", "type": "text"},
        {"name": "power_w", "type": "number", "minimum": 0, "maximum": 1000000},
        {"name": "voltage_v", "type": "number", "minimum": 0, "maximum": 1000000},
        {"name": "battery_hours", "type": "number", "minimum": 0, "maximum": 1000000},
        {"name": "capacity_mah", "type": "integer", "minimum": 0, "maximum": 1000000},
        {"name": "storage_gb", "type": "integer", "minimum": 0, "maximum": 1000000},
        {"name": "memory_gb", "type": "integer", "minimum": 0, "maximum": 1000000},
        {"name": "screen_inches", "type": "number", "minimum": 0, "maximum": 1000000},
        {"name": "weight_g", "type": "number", "minimum": 0, "maximum": 1000000},
        {"name": "colour_temperature_k", "type": "integer_or_text", "minimum": 0, "maximum": 1000000},
        {"name": "bluetooth", "type": "text"},
        {"name": "connection", "type": "text"},
        {"name": "ports", "type": "text"},
        {"name": "tuners", "type": "text"},
        {"name": "layout", "type": "text"},
        {"name": "hand", "type": "text"},
        {"name": "waterproof", "type": "text"},
    ),
}


def upgrade() -> None:
    now = sa.text("now()")
    kind = op.create_table(
        "kind",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kind")),
        schema="catalogue",
    )
    op.bulk_insert(
        kind, [{"name": name, "title": TITLES[name], "attributes": found} for name, found in ATTRIBUTES.items()]
    )
    op.drop_constraint(op.f("ck_product_kind"), "product", schema="catalogue")
    op.alter_column("product", "kind", type_=sa.String(32), schema="catalogue")
    op.create_foreign_key(
        op.f("fk_product_kind"), "product", "kind", ["kind"], ["name"],
        source_schema="catalogue", referent_schema="catalogue",
    )  # fmt: skip
    op.create_index(
        "ix_product_barcode", "product", [sa.text("(attributes->>'barcode')")], schema="catalogue",
        postgresql_where=sa.text("deleted_at IS NULL AND (attributes->>'barcode') IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    """Fails while there are products of other kinds, which the earlier release could not show."""
    op.drop_index("ix_product_barcode", "product", schema="catalogue")
    op.drop_constraint(op.f("fk_product_kind"), "product", schema="catalogue")
    op.create_check_constraint(op.f("ck_product_kind"), "product", f"kind IN {tuple(ATTRIBUTES)}", schema="catalogue")
    op.alter_column("product", "kind", type_=sa.String(16), schema="catalogue")
    op.drop_table("kind", schema="catalogue")
