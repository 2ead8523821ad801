"""What is erased from orders when an account is closed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.orders.tables import Order

OVER = ("delivered", "cancelled", "returned")
"""Statuses in which the order's address is no longer needed."""


def erase_user(session: Session, user_id: str) -> int:
    """Erases names and addresses from the user's orders, and returns how many orders still need their address.

    Orders, lines, totals and invoices are kept. So is the country of an address: it decides which tax law applies
    (Directive 2006/112/EC, articles 31 to 39). An order that is not OVER keeps its address until it is.
    """
    theirs = select(Order).where(Order.user_id == user_id).order_by(Order.id).with_for_update()
    waiting = 0
    for order in session.scalars(theirs):
        order.first_name = order.last_name = None
        if order.status in OVER:
            order.address = {name: value for name, value in order.address.items() if name == "country"}
        else:
            waiting += 1
    return waiting
