"""What every new shop has: the roles with their permissions, and a default warehouse.

Written out rather than imported: a migration must not change when the code does.
"""

import sqlalchemy as sa
from alembic import op
from uuid6 import uuid7

revision = "5eed00000001"
down_revision = "d380a4627bbd"
branch_labels = None
depends_on = None

ALL = (
    "audit:read notifications:write orders:read orders:write payments:read payments:refund products:write "
    "reports:read runs:read runs:write stock:read stock:write users:write"
)
ROLES = {
    "customer": "",
    "staff": "notifications:write orders:read orders:write products:write runs:read stock:read",
    "warehouse": "orders:read orders:write reports:read stock:read stock:write",
    "finance": "audit:read orders:read payments:read payments:refund reports:read",
    "admin": ALL,
}


def upgrade() -> None:
    role = sa.table("role", sa.column("name"), schema="access")
    held = sa.table("role_permission", sa.column("role"), sa.column("permission"), schema="access")
    warehouse = sa.table(
        "warehouse", sa.column("id", sa.Uuid()), sa.column("name"), sa.column("is_default"), schema="inventory"
    )
    op.bulk_insert(role, [{"name": name} for name in ROLES])
    op.bulk_insert(held, [{"role": name, "permission": p} for name, held in ROLES.items() for p in held.split()])
    op.bulk_insert(warehouse, [{"id": uuid7(), "name": "Main warehouse", "is_default": True}])


def downgrade() -> None:
    for table in ("inventory.warehouse", "access.role_permission", "access.role"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608, our own names
