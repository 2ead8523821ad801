"""What a received return leads to: stock, write-offs, and the amount of its refund."""

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from durable.ids import Id
from models import inventory, orders, payments, reports
from models.returns.requesting import get_return, list_lines, lock_return
from models.returns.tables import RETURN_STATUS
from settings import settings

REASON = "return"
"""The reason of stock movements for received returns; the audit compares them."""
_ALL_BACK = text("""
    SELECT (SELECT sum(quantity - cancelled) FROM orders.line WHERE order_id = :order_id) = (
        SELECT sum(resellable + damaged) FROM returns.return AS made
        JOIN returns.return_line ON return_id = made.id WHERE order_id = :order_id
    )
""").bindparams(bindparam("order_id", type_=Id("ord")))


def take_in(session: Session, return_id: str) -> int:
    """Takes resellable goods into the default warehouse, and writes damaged ones off. Returns the refund's amount.

    The amount, in minor units, is what the received units were sold for, less `SHOP_RETURN_FEE`, and at most what can
    still be refunded.
    """
    payment_id = payments.find_first_payment(session, get_return(session, return_id).order_id)
    payment = payments.lock_payment(session, payment_id)  # before the order, as the runs of refunds do
    made = lock_return(session, return_id)
    order, lines = orders.get(session, made.order_id), list_lines(session, [return_id])[return_id]
    sold = {line.product_id: line for line in orders.lines_of(session, [order.id])[order.id]}
    came = {line.product_id: line.resellable + line.damaged for line in lines if line.resellable + line.damaged}
    warehouse = inventory.get_default_warehouse(session)
    damaged = {line.product_id: line.damaged for line in lines}
    inventory.receive_stock(session, warehouse.id, came, REASON, return_id, actor=None, written_off=damaged)
    back = [(product, units, units * sold[product].unit_price) for product, units in came.items()]
    reports.record_returned(session, back)
    amount = sum(price for _, _, price in back)
    made.refund = max(0, min(amount - settings.return_fee, payments.refundable(session, payment)))
    session.flush()
    return made.refund


def finish(session: Session, return_id: str) -> str:
    """Ends a return, and returns its status: `refunded`, or `closed` if nothing was sent or nothing is refunded.

    The order is returned when all its units have come back. A refused return stays refused.
    """
    made = lock_return(session, return_id)
    if made.status in ("approved", "in_transit", "received"):
        RETURN_STATUS.move(made, "refunded" if made.refund else "closed")
    session.flush()
    order = orders.lock(session, made.order_id)
    if order.status in ("shipped", "delivered") and _is_all_back(session, made.order_id):
        orders.change_status(session, order, "returned", actor="return")
    return made.status


def _is_all_back(session: Session, order_id: str) -> bool:
    return bool(session.connection().scalar(_ALL_BACK, {"order_id": order_id}))
