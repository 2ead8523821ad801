"""Flagging an order for staff: a tag, by which it is found, and an entry in its history."""

from sqlalchemy.orm import Session

from durable.ids import new_id
from models.orders.queries import lock
from models.orders.tables import History, Order


def flag(session: Session, order_id: str, tag: str, reason: str, *, actor: str) -> Order | None:
    """Gives an order a tag and records the reason in its history, as a change that leaves the status as it is.

    None: it has the tag already. Raises NotFound.
    """
    order = lock(session, order_id)
    if tag in order.tags:
        return None
    order.tags = sorted({*order.tags, tag})
    change = {"id": new_id("his"), "order_id": order.id, "actor": actor, "reason": reason}
    session.add(History(**change, before=order.status, after=order.status))
    session.flush()
    return order
