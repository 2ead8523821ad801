"""Cancelling what has not left of an order: all of it, or some of its pieces. Lock order: payment → order → stock."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import inventory, orders, payments, reports
from models.core import event_log
from models.core.errors import Conflict
from models.core.events import OrderLinesCancelled
from models.core.workflow_inputs import LineCancellationInput
from models.fulfilment.moving import move_on
from models.fulfilment.packing import left_to_pack
from models.orders import Line, Order

HELD = ("reserved", "allocated")
Stock = dict[str, dict[str, int]]
"""Warehouse → product → pieces."""


def cancel_pieces(
    session: Session, order_id: str, *, lines: Mapping[str, int] | None, actor: str, is_staff: bool, reason: str | None
) -> tuple[Order, str]:
    """Cancels `lines` (product id → pieces), by default all pieces that are in no parcel. Returns the run's id too.

    The pieces are available again at once, and are never captured; what was captured for them is refunded by the run,
    which issues the credit note and notifies the customer. If nothing else is left of the order, it is cancelled as a
    whole; otherwise it moves on if the rest has left. Raises NotFound, and Conflict `wrong_state`, `has_parcels` if
    all pieces are in parcels, or `nothing_to_cancel` with what is `open`.
    """
    # As the runs of refunds and captures do, which record money before they change the order.
    payment_id = payments.lock_payment(session, payments.find_first_payment(session, order_id)).id
    order = orders.lock(session, order_id)
    orders.check_cancellable(order, is_staff=is_staff)
    ordered: list[Line] = orders.list_lines(session, order_id)
    everything = {line.product_id: n for line in ordered if (n := line.quantity - line.cancelled)}
    if not order.parcels and (lines is None or dict(lines) == everything):
        return orders.cancel_confirmed(session, order_id, actor=actor, is_staff=is_staff, reason=reason)
    waiting = inventory.lock_waiting(session, order_id)
    held = left_to_pack(session, order_id, HELD)
    wanted = _check(_total({**held, "": waiting}), lines)
    _release(session, order_id, held, waiting, wanted)
    for line in ordered:
        line.cancelled += wanted.get(line.product_id, 0)
    units = [(line.product_id, n, n * line.unit_price) for line in ordered if (n := wanted.get(line.product_id, 0))]
    reports.record_cancelled(session, units)
    amount = sum(price for _, _, price in units)
    about: LineCancellationInput = {
        "cancellation_id": new_id("can"), "order_id": order.id, "user_id": order.user_id, "payment_id": payment_id,
        "reason": reason or f"These pieces were cancelled by {'staff' if is_staff else 'the customer'}.",
        "lines": wanted, "amount": amount,
        "voided": amount if payments.reduce_capture(session, payment_id, amount) else 0,
    }  # fmt: skip
    run_id = durable.start(session, "line_cancellation", key=about["cancellation_id"], input=about, owner=actor)
    event_log.emit(session, OrderLinesCancelled(order_id=order.id, user_id=order.user_id, lines=wanted))
    move_on(session, order, actor)
    return order, run_id


def _release(session: Session, order_id: str, held: Stock, waiting: Mapping[str, int], wanted: dict[str, int]) -> None:
    """Backordered pieces are cancelled before those that have come."""
    beyond = {product: min(pieces, waiting[product]) for product, pieces in wanted.items() if product in waiting}
    if beyond:
        inventory.free_units(session, order_id, beyond)
    chosen = _choose(held, {product: pieces - beyond.get(product, 0) for product, pieces in wanted.items()})
    if chosen:
        inventory.release_units(session, order_id, chosen)


def _check(held: dict[str, int], lines: Mapping[str, int] | None) -> dict[str, int]:
    """The pieces to cancel."""
    if lines is None and not held:
        detail = "All pieces of the order are in parcels. Cancel those that have not left first."
        raise Conflict(detail, code="has_parcels")
    wanted = held if lines is None else dict(lines)
    if any(held.get(product, 0) < pieces for product, pieces in wanted.items()):
        shown = [{"product_id": product, "quantity": pieces} for product, pieces in held.items()]
        raise Conflict("Fewer pieces are open than are to be cancelled.", code="nothing_to_cancel", open=shown)
    return wanted


def _total(held: Stock) -> dict[str, int]:
    total: dict[str, int] = {}
    for there in held.values():
        for product, pieces in there.items():
            total[product] = total.get(product, 0) + pieces
    return total


def _choose(held: Stock, wanted: dict[str, int]) -> dict[tuple[str, str], int]:
    """(Warehouse, product) → pieces to release there."""
    left, chosen = dict(wanted), dict[tuple[str, str], int]()
    for warehouse, there in held.items():
        for product, pieces in there.items():
            taken = min(pieces, left.get(product, 0))
            if taken:
                chosen[warehouse, product] = taken
                left[product] -= taken
    return chosen
