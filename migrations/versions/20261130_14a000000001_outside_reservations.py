"""Stock that is held for orders of other systems, and who may hold it."""

import sqlalchemy as sa
from alembic import op

revision = "14a000000001"
down_revision = "14v000000003"
branch_labels = None
depends_on = None

STATUSES = ("held", "shipped", "released", "expired")


def upgrade() -> None:
    op.create_table(
        "outside_reservation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(100), nullable=False),
        sa.Column("status", sa.String(16), server_default="held", nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_outside_reservation_status")),
        sa.CheckConstraint("units > 0", name=op.f("ck_outside_reservation_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_reservation")),
        schema="inventory",
    )
    op.create_index(
        "uq_outside_reservation_held", "outside_reservation", ["reference"], unique=True, schema="inventory",
        postgresql_where=sa.text("status = 'held'"),
    )  # fmt: skip
    op.create_index("ix_outside_reservation_reference", "outside_reservation", ["reference", "id"], schema="inventory")
    op.execute("""
        INSERT INTO access.role_permission (role, permission)
        SELECT name, 'reservations:write' FROM access.role WHERE name IN ('admin', 'warehouse') ON CONFLICT DO NOTHING
    """)


def downgrade() -> None:
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM inventory.outside_reservation WHERE status = 'held') THEN
                RAISE EXCEPTION 'stock is held for orders of other systems: release these reservations first';
            END IF;
        END $$
    """)
    # An older release would look for parcels with these goods.
    op.execute("DELETE FROM inventory.reservation USING inventory.outside_reservation AS gone WHERE order_id = gone.id")
    op.execute("DELETE FROM access.role_permission WHERE permission = 'reservations:write'")
    op.drop_table("outside_reservation", schema="inventory")
