"""Labels that were bought from a carrier, for parcels and returns, and what carriers report of them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1abe15000001"
down_revision = "bac0de000001"
branch_labels = None
depends_on = None

NAMED: dict[str, Any] = {"carrier": sa.String(100), "service": sa.String(100), "tracking_number": sa.String(100),
         "tracking_url": sa.String(500)}  # fmt: skip
"""Parcels have these already."""
BOUGHT: dict[str, Any] = {"gateway": sa.String(20), "label": sa.String(100), "label_cost": sa.BigInteger(),
          "label_currency": sa.String(3), "label_refund": sa.String(16)}  # fmt: skip
OF_RETURNS = {**NAMED, **BOUGHT, "label_error": sa.String(500)}
WHOLE = "label IS NULL OR tracking_number IS NOT NULL AND gateway IS NOT NULL AND label_cost IS NOT NULL"
STATUSES = ("approved", "closed", "received", "refunded", "refused", "requested")


def upgrade() -> None:
    for name, kind in BOUGHT.items():
        op.add_column("parcel", sa.Column(name, kind), schema="fulfilment")
    for name, kind in OF_RETURNS.items():
        op.add_column("return", sa.Column(name, kind), schema="returns")
    for schema, table in (("fulfilment", "parcel"), ("returns", "return")):
        op.create_check_constraint(op.f(f"ck_{table}_label"), table, WHOLE, schema=schema)
    op.create_index("ix_return_tracking_number", "return", ["tracking_number"], schema="returns")
    _allow((*STATUSES, "in_transit"))
    op.alter_column("tracking_event", "status", type_=sa.String(32), schema="fulfilment")
    op.create_table(
        "carrier_update",
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("tracking_number", sa.String(100), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", JSONB(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_update")),
        schema="fulfilment",
    )
    for column in ("tracking_number", "received_at"):
        op.create_index(f"ix_carrier_update_{column}", "carrier_update", [column], schema="fulfilment")


def downgrade() -> None:
    op.drop_table("carrier_update", schema="fulfilment")
    op.alter_column(
        "tracking_event", "status", type_=sa.String(16), postgresql_using="left(status, 16)", schema="fulfilment"
    )
    op.execute("UPDATE returns.return SET status = 'approved' WHERE status = 'in_transit'")
    _allow(STATUSES)
    for name in OF_RETURNS:
        op.drop_column("return", name, schema="returns")
    for name in BOUGHT:
        op.drop_column("parcel", name, schema="fulfilment")


def _allow(statuses: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_return_status"), "return", schema="returns", type_="check")
    op.create_check_constraint(op.f("ck_return_status"), "return", f"status IN {statuses}", schema="returns")
