"""Payments are captured and refunded, orders have a history and credit notes, and parcels are shipped.

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
PARCEL_STATUSES = (
    "cancelled", "delivered", "in_transit", "label_bought", "lost", "pending", "returned", "shipped",
)  # fmt: skip
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
    parcels = sa.Column("parcels", sa.Integer(), server_default="0", nullable=False)
    op.add_column("order", parcels, schema="orders")
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
        sa.ForeignKeyConstraint(["order_id"], ["orders.order.id"], name=op.f("fk_history_order_id")),
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
        sa.ForeignKeyConstraint(["order_id"], ["orders.order.id"], name=op.f("fk_credit_note_order_id")),
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
    op.add_column(
        "reservation", sa.Column("shipped", sa.Integer(), server_default="0", nullable=False), schema="inventory"
    )
    op.create_check_constraint(
        op.f("ck_reservation_shipped"), "reservation", "0 <= shipped AND shipped <= quantity", schema="inventory"
    )
    create_parcels()
    op.execute("""
        INSERT INTO access.role_permission (role, permission)
        SELECT name, 'payments:capture' FROM access.role WHERE name IN ('admin', 'finance') ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.execute("DELETE FROM access.role_permission WHERE permission = 'payments:capture'")
    for table in ("tracking_event", "parcel_line", "parcel"):
        op.drop_table(table, schema="fulfilment")
    op.drop_constraint(op.f("ck_reservation_shipped"), "reservation", schema="inventory", type_="check")
    op.drop_column("reservation", "shipped", schema="inventory")
    for table in ("credit_note_counter", "credit_note", "history"):
        op.drop_table(table, schema="orders")
    for name in ("parcels", "tags", "note"):
        op.drop_column("order", name, schema="orders")
    for name in ("error", "run_id"):
        op.drop_column("transaction", name, schema="payments")
    for name in ("status", "kind"):
        op.drop_constraint(op.f(f"ck_transaction_{name}"), "transaction", schema="payments", type_="check")
    replace_status_check(OLD_STATUSES)
    op.drop_constraint(op.f("ck_payment_balance"), "payment", schema="payments", type_="check")
    for name in ("refunded", "captured"):
        op.drop_column("payment", name, schema="payments")


def create_parcels() -> None:
    """Creates the tables of the new service, whose schema exists."""
    now = sa.func.now()
    op.create_table(
        "parcel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(16), server_default="pending", nullable=False),
        sa.Column("carrier", sa.String(100)),
        sa.Column("service", sa.String(100)),
        sa.Column("tracking_number", sa.String(100)),
        sa.Column("tracking_url", sa.String(500)),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_run_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(f"status IN {PARCEL_STATUSES}", name=op.f("ck_parcel_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
        schema="fulfilment",
    )
    op.create_index("ix_parcel_order_id", "parcel", ["order_id"], schema="fulfilment")
    op.create_index("ix_parcel_tracking_number", "parcel", ["tracking_number"], schema="fulfilment")
    op.create_table(
        "parcel_line",
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_parcel_line_quantity")),
        sa.ForeignKeyConstraint(["parcel_id"], ["fulfilment.parcel.id"], name=op.f("fk_parcel_line_parcel_id")),
        sa.PrimaryKeyConstraint("parcel_id", "product_id", name=op.f("pk_parcel_line")),
        schema="fulfilment",
    )
    op.create_table(
        "tracking_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("description", sa.String(500)),
        sa.Column("place", sa.String(200)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(["parcel_id"], ["fulfilment.parcel.id"], name=op.f("fk_tracking_event_parcel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tracking_event")),
        schema="fulfilment",
    )
    op.create_index("ix_tracking_event_parcel_id", "tracking_event", ["parcel_id"], schema="fulfilment")


def replace_status_check(statuses: tuple[str, ...]) -> None:
    """Replaces the CHECK constraint of the statuses of payments."""
    name = op.f("ck_payment_status")
    op.drop_constraint(name, "payment", schema="payments", type_="check")
    op.create_check_constraint(name, "payment", f"status IN {statuses}", schema="payments")
