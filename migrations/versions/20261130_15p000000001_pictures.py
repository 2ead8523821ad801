"""Pictures of products.

Written out rather than imported: a migration must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "15p000000001"
down_revision = "14a000000001"
branch_labels = None
depends_on = None

STATUSES = ("processing", "ready", "failed", "removed")


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS pictures")
    create_pictures()
    op.create_table(
        "upload",
        sa.Column("picture_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["pictures.picture.id"], name=op.f("fk_upload_picture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("picture_id", name=op.f("pk_upload")),
        schema="pictures",
    )


def create_pictures() -> None:
    now = sa.text("now()")
    op.create_table(
        "picture",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("alt", sa.String(500), nullable=False),
        sa.Column("status", sa.String(16), server_default="processing", nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("sources", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("files", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("error", postgresql.JSONB()),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_picture_status")),
        sa.CheckConstraint("status <> 'ready' OR (width > 0 AND height > 0)", name=op.f("ck_picture_size")),
        sa.ForeignKeyConstraint(["product_id"], ["catalogue.product.id"], name=op.f("fk_picture_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        schema="pictures",
    )
    op.create_index("ix_picture_product", "picture", ["product_id", "position", "id"], schema="pictures")
    op.create_index(
        "ix_picture_shown", "picture", ["product_id", "position", "id"], schema="pictures",
        postgresql_where=sa.text("status = 'ready'"),
    )  # fmt: skip


def downgrade() -> None:
    op.execute("DROP SCHEMA pictures CASCADE")
