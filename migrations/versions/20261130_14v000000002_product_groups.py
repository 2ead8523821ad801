"""Products that differ by options belong to a group. Existing products belong to none."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "14v000000002"
down_revision = "14v000000001"
branch_labels = None
depends_on = None

IN_GROUP = sa.text("group_id IS NOT NULL")


def upgrade() -> None:
    now = sa.text("now()")
    op.create_table(
        "product_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("handle", sa.String(255), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_group")),
        schema="catalogue",
    )
    op.create_index("uq_product_group_handle", "product_group", ["handle"], unique=True, schema="catalogue")
    op.add_column("product", sa.Column("group_id", sa.Uuid()), schema="catalogue")
    op.add_column("product", sa.Column("option_values", postgresql.ARRAY(sa.String())), schema="catalogue")
    op.create_foreign_key(
        op.f("fk_product_group_id"), "product", "product_group", ["group_id"], ["id"],
        source_schema="catalogue", referent_schema="catalogue",
    )  # fmt: skip
    for name, condition in (
        ("option_values", "(group_id IS NULL) = (option_values IS NULL)"),
        ("group", "group_id IS NULL OR deleted_at IS NULL"),
    ):
        op.create_check_constraint(op.f(f"ck_product_{name}"), "product", condition, schema="catalogue")
    op.create_index("uq_product_options", "product", ["group_id", "option_values"], unique=True, schema="catalogue",
                    postgresql_where=IN_GROUP)  # fmt: skip
    op.create_index("ix_product_group", "product", ["group_id", "id"], schema="catalogue", postgresql_where=IN_GROUP)


def downgrade() -> None:
    for column in ("option_values", "group_id"):
        op.drop_column("product", column, schema="catalogue")
    op.drop_table("product_group", schema="catalogue")
