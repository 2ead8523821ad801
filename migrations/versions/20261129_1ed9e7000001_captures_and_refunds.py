"""Payments are captured and refunded, orders keep a history, and credit notes have numbers of their own.

New columns have constant defaults, so that PostgreSQL does not rewrite the tables. The new CHECK constraints read
`payments.payment` once, with the table locked: about a second for a million rows. The role `finance` and the role
`admin` get the permission `payments:capture`.

Downgrade: fails while a payment is captured in part or an order has a credit note.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "1ed9e7000001"
down_revision = "9a7e00000001"
branch_labels = None
depends_on = None

STATUSES = (
    "authorised", "captured", "declined", "partially_captured", "partially_refunded", "pending", "refunded", "voided",
)  # fmt: skip
OLD_STATUSES = ("authorised", "captured", "declined", "pending", "refunded", "voided")
KINDS = ("authorise", "capture", "refund", "void")
OUTCOMES = ("declined", "failed", "pending", "succeeded")


def upgrade() -> None:
    for name in ("captured", "refunded"):
        column = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        op.add_column("payment", column, schema="payments")
    op.execute("UPDATE payments.payment SET captured = amount WHERE status IN ('captured', 'refunded')")
    op.execute("UPDATE payments.payment SET refunded = amount WHERE status = 'refunded'")
    op.create_check_constraint(
        op.f("ck_payment_balance"),
        "payment",
        "0 <= refunded AND refunded <= captured AND captured <= amount",
        schema="payments",
    )
    replace_status_check(STATUSES)
    op.create_check_constraint(op.f("ck_transaction_kind"), "transaction", f"kind IN {KINDS}", schema="payments")
    op.create_check_constraint(op.f("ck_transaction_status"), "transaction", f"status IN {OUTCOMES}", schema="payments")
    for added in (sa.Column("run_id", sa.Uuid()), sa.Column("error", postgresql.JSONB())):
        op.add_column("transaction", added, schema="payments")
    op.add_column("order", sa.Column("note", sa.String(2000)), schema="orders")
    tags: sa.Column[list[str]] = sa.Column("tags", postgresql.ARRAY(sa.String(64)), server_default="{}", nullable=False)
    op.add_column("order", tags, schema="orders")
    op.create_table(
        "history",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(64)),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order.id"], name="fk_history_order_id_order"),
        schema="orders",
    )
    op.create_index("ix_history_order_id", "history", ["order_id"], schema="orders")
    op.create_table(
        "credit_note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_credit_note"),
        sa.UniqueConstraint("number", name="uq_credit_note_number"),
        sa.UniqueConstraint("source", name="uq_credit_note_source"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order.id"], name="fk_credit_note_order_id_order"),
        sa.CheckConstraint("amount > 0", name="ck_credit_note_amount"),
        schema="orders",
    )
    op.create_index("ix_credit_note_order_id", "credit_note", ["order_id"], schema="orders")
    op.create_table(
        "credit_note_counter",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_credit_note_counter"),
        schema="orders",
    )
    op.execute("""
        INSERT INTO access.role_permission (role, permission)
        SELECT name, 'payments:capture' FROM access.role WHERE name IN ('admin', 'finance') ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.execute("DELETE FROM access.role_permission WHERE permission = 'payments:capture'")
    for table in ("credit_note_counter", "credit_note", "history"):
        op.drop_table(table, schema="orders")
    for name in ("tags", "note"):
        op.drop_column("order", name, schema="orders")
    for name in ("error", "run_id"):
        op.drop_column("transaction", name, schema="payments")
    for name in ("status", "kind"):
        op.drop_constraint(op.f(f"ck_transaction_{name}"), "transaction", schema="payments", type_="check")
    replace_status_check(OLD_STATUSES)
    op.drop_constraint(op.f("ck_payment_balance"), "payment", schema="payments", type_="check")
    for name in ("refunded", "captured"):
        op.drop_column("payment", name, schema="payments")


def replace_status_check(statuses: tuple[str, ...]) -> None:
    """Replaces the CHECK constraint of the statuses of payments."""
    name = op.f("ck_payment_status")
    op.drop_constraint(name, "payment", schema="payments", type_="check")
    op.create_check_constraint(name, "payment", f"status IN {statuses}", schema="payments")
