"""Starts the workflows of orders, parcels and returns."""

from datetime import timedelta

from sqlalchemy import func, update

import durable
from durable.ids import new_id
from models import fulfilment, inventory, orders, returns
from models.core.database import transaction
from tests.faults.drivers.registry import drives, numbers
from tests.faults.prepared import pack, take
from tests.shopping import make_customer, make_product, place_order


@drives("checkout", "inventory.reserve", "payments.authorise", "payments.await_customer", "orders.confirm")
def checkout(refused_at: str | None = None, method: str = "pm_card_visa") -> str:
    """A new customer orders two units of one product and one of another."""
    number = next(numbers)
    plenty = make_product(f"PLENTY-{number}", 10)
    scarce = make_product(f"SCARCE-{number}", 1)
    return_url = None
    if refused_at == "payments.authorise":
        method = "pm_card_chargeDeclined"
    if refused_at == "payments.await_customer":
        method, return_url = "pm_card_threeDSecure2Required", "https://shop.example/"
    if refused_at is None and method == "pm_card_visa" and number % 2:  # every other customer has to confirm it
        method, return_url = "pm_sandbox_confirmsAtOnce", "https://shop.example/"
    user_id = make_customer(f"customer{number}")
    with transaction() as session:
        order = place_order(session, user_id, {plenty: 2, scarce: 1}, method, return_url)
        if refused_at == "payments.await_customer":
            durable.signal(session, str(order.run_id), "cancelled", {})
        if refused_at == "inventory.reserve":
            inventory.adjust(session, scarce, -1, "broken")
        if refused_at == "orders.confirm":
            order.status = "cancelled"  # closed outside the checkout
    return str(order.run_id)


@drives("cancellation")
def cancellation(refused_at: str | None = None) -> str:
    """A customer cancels a confirmed order."""
    with transaction() as session:
        order = orders.get(session, take("cancellation"))
        return orders.cancel_confirmed(session, order.id, actor=order.user_id, is_staff=False, reason=None)[1]


@drives("line_cancellation")
def line_cancellation(refused_at: str | None = None) -> str:
    """Staff cancel one of two pieces of a captured order."""
    with transaction() as session:
        order_id = take("line_cancellation")
        (line,) = orders.lines_of(session, [order_id])[order_id]
        cancelled = {line.product_id: 1}
        return fulfilment.cancel_pieces(
            session, order_id, lines=cancelled, actor=new_id("usr"), is_staff=True, reason=None
        )[1]


@drives("fulfilment", "fulfilment.buy_label", "payments.capture_order")
def ship_parcel(refused_at: str | None = None) -> str:
    """A confirmed order is packed, and needs a label. The payment has lapsed if the capture is to be refused."""
    service = "Teleport" if refused_at == "fulfilment.buy_label" else None
    return pack(take("fulfilment", refused_at), tracking_number=None, service=service)


@drives("delivery")
def deliver(refused_at: str | None = None) -> str:
    """A parcel that has left is delivered."""
    order_id = take("delivery")
    with transaction() as session:
        (parcel,) = fulfilment.list_parcels(session, order_id)
        return str(fulfilment.deliver(session, parcel.id, "test").delivery_run_id)


@drives("delay_notice")
def delay_notice(refused_at: str | None = None) -> str:
    """A parcel left eight days ago and was not delivered."""
    order_id = take("delay_notice")
    with transaction() as session:
        (parcel,) = fulfilment.list_parcels(session, order_id)
        session.execute(
            update(fulfilment.Parcel).where(fulfilment.Parcel.id == parcel.id)
            .values(shipped_at=func.now() - timedelta(days=8))
        )  # fmt: skip
        about = {"parcel_id": parcel.id, "order_id": order_id}
        return durable.start(session, "delay_notice", key=f"test-{parcel.id}", input=about)


@drives("return")
def send_back(refused_at: str | None = None) -> str:
    """A customer returns or exchanges a delivered product, which has arrived before any worker looks."""
    order_id, number = take("return"), next(numbers)
    other = make_product(f"OTHER-{number}", 1, 10)
    with transaction() as session:
        (parcel,) = fulfilment.list_parcels(session, order_id)
        fulfilment.deliver(session, parcel.id, "test")
        (line,) = orders.lines_of(session, [order_id])[order_id]
        wanted = returns.freeze(session, [line], {line.product_id: 1}, {other: 1}) if number % 2 else None
        asked = returns.request(
            session, order_id, {line.product_id: 1}, reason="Torn", comment=None, actor="test", is_staff=False,
            exchange=wanted,
        )  # fmt: skip
        returns.approve(session, asked.id)
        goods: returns.Received = {"product_id": line.product_id, "quantity": 1, "condition": "damaged"}
        returns.receive(session, asked.id, [goods])
        return asked.run_id
