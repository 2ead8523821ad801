"""Rows of an import whose SKU a row before has are kept; columns that are not taken are counted."""

import sqlalchemy as sa
from alembic import op

revision = "14v000000001"
down_revision = "14s000000001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("import", sa.Column("not_taken", sa.dialects.postgresql.JSONB(), server_default="{}", nullable=False),
                  schema="catalogue")  # fmt: skip
    # Files that are being read go on: 0 says that the chunk is not known.
    for name in ("chunk", "repeats"):
        op.add_column("import_sku", sa.Column(name, sa.Integer(), server_default="0", nullable=False),
                      schema="catalogue")  # fmt: skip
    op.create_table(
        "import_repeat",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["catalogue.import.id"], name=op.f("fk_import_repeat_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "chunk", "line", name=op.f("pk_import_repeat")),
        schema="catalogue",
    )


def downgrade() -> None:
    """Rows that are kept are dropped: the earlier release would have refused them."""
    op.drop_table("import_repeat", schema="catalogue")
    for table, name in (("import_sku", "repeats"), ("import_sku", "chunk"), ("import", "not_taken")):
        op.drop_column(table, name, schema="catalogue")
