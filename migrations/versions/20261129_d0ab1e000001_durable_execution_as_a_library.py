"""What the engine keeps as a library: versions, requests, leases and attempts of steps, breakers, schedules."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "d0ab1e000001"
down_revision = "ca7a10600001"
branch_labels = None
depends_on = None

RUN: tuple[sa.Column[Any], ...] = (
    sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    sa.Column("parent", sa.Uuid(), nullable=True),
    sa.Column("publications", sa.Integer(), server_default="0", nullable=False),
    sa.Column("patience", sa.Float(), nullable=True),
    sa.Column("progress_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    sa.Column("stuck_reason", sa.String(), nullable=True),
)
STEP: tuple[sa.Column[Any], ...] = (
    sa.Column("request", JSONB(), nullable=True),
    sa.Column("progress", JSONB(), nullable=True),
    sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
)


def upgrade() -> None:
    for column in RUN:
        op.add_column("run", column, schema="workflow")
    for column in STEP:
        op.add_column("step", column, schema="workflow")
    op.drop_column("step", "generation", schema="workflow")
    op.rename_table("served", "queue_progress", schema="workflow")
    op.execute("ALTER TABLE workflow.queue_progress RENAME CONSTRAINT pk_served TO pk_queue_progress")
    op.add_column("queue_progress", sa.Column("served", sa.BigInteger(), server_default="0", nullable=False),
                  schema="workflow")  # fmt: skip
    op.create_table(
        "attempt",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("error", JSONB(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["workflow.run.id"], name=op.f("fk_attempt_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "step", "number", name=op.f("pk_attempt")),
        schema="workflow",
    )
    op.create_table(
        "breaker",
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_breaker")),
        schema="workflow",
    )
    op.create_table(
        "dispatcher",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_dispatcher")),
        schema="workflow",
    )
    op.create_table(
        "schedule",
        sa.Column("workflow", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("workflow", name=op.f("pk_schedule")),
        schema="workflow",
    )
    # Checkouts that are under way name what they reserve as those of today do.
    op.execute("""
        UPDATE workflow.run SET input = input || jsonb_build_object('quantities', coalesce(input->'pieces', (
            SELECT jsonb_object_agg('prd_' || replace(product_id::text, '-', ''), quantity) FROM orders.line
            WHERE order_id = replace(input->>'order_id', 'ord_', '')::uuid
        )))
        WHERE workflow = 'checkout' AND finished_at IS NULL AND NOT input ? 'quantities'
    """)


def downgrade() -> None:
    for table in ("schedule", "dispatcher", "breaker", "attempt"):
        op.drop_table(table, schema="workflow")
    op.drop_column("queue_progress", "served", schema="workflow")
    op.execute("ALTER TABLE workflow.queue_progress RENAME CONSTRAINT pk_queue_progress TO pk_served")
    op.rename_table("queue_progress", "served", schema="workflow")
    op.add_column("step", sa.Column("generation", sa.Integer(), server_default="0", nullable=False), schema="workflow")
    for column in reversed(STEP):
        op.drop_column("step", column.name, schema="workflow")
    for column in reversed(RUN):
        op.drop_column("run", column.name, schema="workflow")
