"""Rows of every kind of personal data that belong to a user."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from durable.ids import Id, new_id
from models.core.database import transaction
from models.operations.personal_data import SECTIONS

VALUES: dict[type, Any] = {
    Boolean: False, Integer: 1, BigInteger: 1, SmallInteger: 1, Date: date(2026, 1, 2), JSONB: {},
    DateTime: datetime(2026, 1, 2, tzinfo=UTC), ARRAY: [],
}  # fmt: skip


def filled(table: Table, given: dict[str, Any]) -> dict[str, Any]:
    """A row: `given` where the table has such columns, and something in the others that need a value."""
    row = {}
    for column in table.columns:
        kind = column.type
        if column.name in given:
            row[column.name] = given[column.name]
        elif column.computed is None and not column.nullable and column.server_default is None:
            some_text = f"x{new_id('any')[-12:]}"[: getattr(kind, "length", None)]
            if isinstance(kind, Id):
                row[column.name] = new_id(kind.prefix)
            elif isinstance(kind, LargeBinary):
                row[column.name] = some_text.encode()
            else:
                row[column.name] = VALUES.get(type(kind), some_text)
    return row


SPECIAL: dict[str, dict[str, Any]] = {
    "reports.subscription": {"schedule": "weekly"},
    "payments.transaction": {"kind": "capture", "status": "succeeded"},
    "inventory.backorder": {"status": "waiting"},
    "workflow.event": {"name": "password.changed"},
}
"""Values that a table's constraints ask for."""
OWNERS = {
    "orders.order": "order_id", "payments.payment": "payment_id", "fulfilment.parcel": "parcel_id",
    "returns.return": "return_id", "carts.cart": "cart_id", "notifications.notification": "notification_id",
}  # fmt: skip
"""Table → the column of other tables that refers to it."""


def own_everything(user_id: str) -> dict[str, str]:
    """Inserts a row into the table of each kind of personal data, all of which belong to the user.

    Returns their ids by prefix: `ord` → `ord_…`.
    """
    tables = {section.rows.fullname: section.rows for section in SECTIONS}
    kinds = {owned: tables[name].columns["id"].type for name, owned in OWNERS.items()}
    ids = {owned: new_id(kind.prefix) for owned, kind in kinds.items() if isinstance(kind, Id)}
    assert set(ids) == set(OWNERS.values())
    made: dict[str, str] = {}
    with transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))  # other referenced rows do not exist
        session.execute(text("DELETE FROM carts.cart WHERE user_id = :user"), {"user": user_id.removeprefix("usr_")})
        for section in SECTIONS:
            name = section.rows.fullname
            if name in ("accounts.user", "accounts.session"):
                continue
            given = {**ids, "user_id": user_id, "subject": user_id, **SPECIAL.get(name, {})}
            if name == "accounts.phone":
                given["number"] = f"+49151{int(user_id[-6:], 16):08}"
            if name in OWNERS:
                given["id"] = ids[OWNERS[name]]
            row = filled(section.rows, given)
            session.execute(insert(section.rows), [row])
            if "id" in row:
                made[row["id"].partition("_")[0]] = row["id"]
    return made
