"""Public events have positions; stock movements are events.

The new columns are nullable, so no row is rewritten: earlier events have no ordinal, get no position, and are not in
the feed. Each of the three indexes is empty at first; to create it reads `workflow.event` once, with the table locked
against writes: about a second for a million events.
"""

import sqlalchemy as sa
from alembic import op

revision = "e7e275000001"
down_revision = "1abe15000001"
branch_labels = None
depends_on = None

# The level is read at the end of the statement, so it is that after the movement. The event has the movement's id:
# there is one event per movement, and PostgreSQL has no `uuidv7` before 18.
ANNOUNCE = """
CREATE FUNCTION inventory.announce_movements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workflow.event (id, name, subject, actor, payload, version, ordinal)
    SELECT moved.id, 'stock.changed', 'prd_' || replace(product_id::text, '-', ''), moved.actor, jsonb_build_object(
        'movement_id', 'mov_' || replace(moved.id::text, '-', ''),
        'product_id', 'prd_' || replace(product_id::text, '-', ''),
        'warehouse_id', 'wh_' || replace(warehouse_id::text, '-', ''),
        'quantity', moved.quantity, 'on_hand', coalesce(on_hand, 0), 'reserved', coalesce(reserved, 0),
        'available', coalesce(on_hand - reserved, 0), 'reason', moved.reason, 'reference', moved.reference
    ), 1, nextval('workflow.event_ordinal')
    FROM moved LEFT JOIN inventory.stock USING (product_id, warehouse_id);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE workflow.event_ordinal")
    op.add_column("event", sa.Column("version", sa.SmallInteger), schema="workflow")
    op.add_column("event", sa.Column("ordinal", sa.BigInteger), schema="workflow")
    op.add_column("event", sa.Column("position", sa.BigInteger), schema="workflow")
    placed = sa.text("position IS NOT NULL")
    op.create_index("ix_event_position", "event", ["position"], unique=True, schema="workflow", postgresql_where=placed)
    op.create_index("ix_event_name_position", "event", ["name", "position"], schema="workflow", postgresql_where=placed)
    op.create_index(
        "ix_event_unplaced", "event", ["ordinal"], schema="workflow",
        postgresql_where=sa.text("position IS NULL AND ordinal IS NOT NULL"),
    )  # fmt: skip
    op.create_table(
        "event_cursor",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_cursor")),
        schema="workflow",
    )
    op.execute(ANNOUNCE)
    op.execute("""
        CREATE TRIGGER announce_movements AFTER INSERT ON inventory.movement REFERENCING NEW TABLE AS moved
        FOR EACH STATEMENT EXECUTE FUNCTION inventory.announce_movements()
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER announce_movements ON inventory.movement")
    op.execute("DROP FUNCTION inventory.announce_movements")
    op.drop_table("event_cursor", schema="workflow")
    for name in ("ix_event_unplaced", "ix_event_name_position", "ix_event_position"):
        op.drop_index(name, "event", schema="workflow")
    for name in ("position", "ordinal", "version"):
        op.drop_column("event", name, schema="workflow")
    op.execute("DROP SEQUENCE workflow.event_ordinal")
