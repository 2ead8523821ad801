"""Imports are read by workers: the file in pieces, the SKUs seen, and the status of an import."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "13c000000001"
down_revision = "135000000001"
branch_labels = None
depends_on = None

STATUSES = ("reading", "importing", "imported", "refused", "cancelled")
COLUMNS = (
    sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
    sa.Column("bytes_read", sa.BigInteger(), server_default="0", nullable=False),
    sa.Column("lines_read", sa.Integer(), server_default="0", nullable=False),
    sa.Column("chunks", sa.Integer(), server_default="0", nullable=False),
    sa.Column("first_row", sa.dialects.postgresql.JSONB()),
    sa.Column("dropped", sa.Integer(), server_default="0", nullable=False),
    sa.Column("error", sa.dialects.postgresql.JSONB()),
)


def upgrade() -> None:
    op.add_column("import", sa.Column("status", sa.String(16), server_default="imported", nullable=False),
                  schema="catalogue")  # fmt: skip
    for column in COLUMNS:
        op.add_column("import", column, schema="catalogue")
    close_imports()
    op.alter_column("import", "status", server_default=None, schema="catalogue")
    op.alter_column("import", "owner", nullable=True, schema="catalogue")
    op.create_check_constraint(op.f("ck_import_status"), "import", f"status IN {STATUSES}", schema="catalogue")
    create_table("import_piece", sa.Column("number", sa.Integer(), nullable=False),
                 sa.Column("body", sa.LargeBinary(), nullable=False), key="number")  # fmt: skip
    # Read once and deleted: not worth compressing.
    op.execute("ALTER TABLE catalogue.import_piece ALTER COLUMN body SET STORAGE EXTERNAL")
    create_table("import_sku", sa.Column("sku", sa.String(64), nullable=False),
                 sa.Column("line", sa.Integer(), nullable=False), key="sku")  # fmt: skip


def close_imports() -> None:
    """Imports in progress continue. One whose run was cancelled never ended, and its rows were not added up."""
    op.execute("UPDATE catalogue.import SET status = 'importing' WHERE finished_at IS NULL")
    op.execute("""
        UPDATE catalogue.import SET status = 'cancelled', dropped = rows, error = run.error - 'status',
            finished_at = run.finished_at
        FROM workflow.run WHERE run.id = import.run_id AND import.finished_at IS NULL AND run.finished_at IS NOT NULL
    """)
    op.execute("""
        UPDATE catalogue.import SET status = 'cancelled', dropped = rows, finished_at = created_at
        WHERE finished_at IS NULL AND NOT EXISTS (SELECT FROM workflow.run WHERE run.id = import.run_id)
    """)
    op.execute("""
        DELETE FROM catalogue.import_chunk USING catalogue.import
        WHERE import.id = import_id AND import.finished_at IS NOT NULL
    """)


def create_table(name: str, *columns: sa.Column[Any], key: str) -> None:
    op.create_table(
        name, sa.Column("import_id", sa.Uuid(), nullable=False), *columns,
        sa.ForeignKeyConstraint(
            ["import_id"], ["catalogue.import.id"], name=op.f(f"fk_{name}_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", key, name=op.f(f"pk_{name}")),
        schema="catalogue",
    )  # fmt: skip


def downgrade() -> None:
    for table in ("import_sku", "import_piece"):
        op.drop_table(table, schema="catalogue")
    op.execute("UPDATE catalogue.import SET owner = '00000000-0000-0000-0000-000000000000' WHERE owner IS NULL")
    op.alter_column("import", "owner", nullable=False, schema="catalogue")
    for column in ("status", *(column.name for column in COLUMNS)):
        op.drop_column("import", column, schema="catalogue")
