"""The history of an order: each status, when it began, who caused it, and why."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.orders.tables import ORDER_STATUS, History, Order


def change_status(session: Session, order: Order, new: str, *, actor: str | None, reason: str | None = None) -> None:
    """Gives a locked order a new status and records the change. Raises Conflict `wrong_state`."""
    before = order.status
    ORDER_STATUS.move(order, new)
    change = {"id": new_id("his"), "order_id": order.id, "actor": actor, "reason": reason}
    session.add(History(**change, before=before, after=new))
    session.flush()


# The names are those of the REST API; `from` is a keyword in Python.
Change = TypedDict("Change", {"at": datetime, "by": str | None, "from": str | None, "to": str, "reason": str | None})


def list_changes(session: Session, order: Order) -> list[Change]:
    """All changes of the order's status, oldest first. `by`: a user's id, or `checkout`."""
    recorded = session.scalars(select(History).where(History.order_id == order.id).order_by(History.id)).all()
    changes = [_change(order.created_at, order.user_id, None, "pending")]
    if order.confirmed_at is not None:
        changes.append(_change(order.confirmed_at, "checkout", "pending", "confirmed"))
    elif order.cancelled_at is not None:
        reason = (order.reason or {}).get("code")
        changes.append(_change(order.cancelled_at, "checkout", "pending", "cancelled", reason))
    return changes + [_change(r.created_at, r.actor, r.before, r.after, r.reason) for r in recorded]


def _change(at: datetime, by: str | None, before: str | None, after: str, reason: str | None = None) -> Change:
    return {"at": at, "by": by, "from": before, "to": after, "reason": reason}
