"""What staff may change of an order: its status, within the table of transitions, its note and its tags."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from models.core.errors import Conflict
from models.orders.cancelling import cancel_confirmed
from models.orders.history import change_status
from models.orders.queries import lock
from models.orders.tables import ORDER_STATUS, Order

BY_HAND = ("processing", "shipped", "delivered", "returned", "cancelled")
"""Statuses that staff can set. An order is confirmed by its checkout only."""


def edit(
    session: Session, order_id: str, *, actor: str, status: str | None = None, note: str | None = None,
    tags: Sequence[str] | None = None,
) -> Order:  # fmt: skip
    """Changes an order. `None` leaves a value as it is; an empty note deletes the note. Tags are sorted, each once.

    `cancelled` starts the order's `cancellation`. Raises NotFound, and Conflict `wrong_state` with `status` and what is
    `possible`.
    """
    order = lock(session, order_id)
    if note is not None:
        order.note = note or None
    if tags is not None:
        order.tags = sorted(set(tags))
    if status is None or status == order.status:
        return order
    possible = [new for new in ORDER_STATUS.following[order.status] if new in BY_HAND and order.status != "pending"]
    if status not in possible:
        detail = f"This order is {order.status}; it cannot become {status} by hand."
        raise Conflict(detail, code="wrong_state", current=order.status, possible=possible)
    if status == "cancelled":
        return cancel_confirmed(session, order_id, actor=actor, is_staff=True, reason=None)[0]
    change_status(session, order, status, actor=actor)
    return order
