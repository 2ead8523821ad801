"""Starts a run of each workflow on a requested path."""

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from itertools import count

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from durable.tables import RunRecord
from models import accounts, carts, fulfilment, imports, inventory, orders, payments, returns, webhooks
from models.core import event_log
from models.core.database import transaction
from models.core.events import BackorderFilled, TemplateFailed
from tests.conftest import ADDRESS
from tests.faults.money_drivers import (
    capture,
    dispute_closed,
    dispute_opened,
    payment_follow_up,
    payment_update,
    refund,
    refund_failed,
)
from tests.faults.prepared import pack, take
from tests.shopping import make_customer, make_product, place_order

_numbers = count(1)


def checkout(refused_at: str | None = None, method: str = "pm_card_visa") -> str:
    """A new customer orders two units of one product and one of another."""
    number = next(_numbers)
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


def clean_up(refused_at: str | None = None) -> str:
    with transaction() as session:
        slot = f"test-{next(_numbers)}"
        return durable.start(session, "clean_up", key=slot, input={"slot": slot})


def restock(refused_at: str | None = None) -> str:
    """Goods are ordered for a new warehouse and delivered before the run starts. An order waits for two of them."""
    number = next(_numbers)
    goods = make_product(f"GOODS-{number}", 0)
    with transaction() as session:
        warehouse = inventory.create_warehouse(session, f"Warehouse {number}", {}, {})
        inventory.set_terms(session, goods, 2, date(2100, 1, 1))
        inventory.reserve(session, new_id("ord"), {goods: 2})
        order = inventory.restock(session, {goods: 5}, warehouse.id)
        if refused_at == "notifications.goods_ordered":
            inventory.update_warehouse(session, warehouse.id, {"status": "closed"})
        else:
            inventory.receive(session, order.id, {goods: 5}, None)
    return order.run_id


def backordered(refused_at: str | None = None) -> str:
    """A product that is reordered is sold beyond stock."""
    goods, order_id = make_product(f"BEYOND-{next(_numbers)}", 1), new_id("ord")
    with transaction() as session:
        inventory.set_threshold(session, goods, None, 0, 5)
        inventory.set_terms(session, goods, 2, date(2100, 1, 1))
        inventory.reserve(session, order_id, {goods: 3})
        inventory.allocate(session, order_id)
        return _reaction(session, "backordered")


def backorder_filled(refused_at: str | None = None) -> str:
    """Goods of a confirmed order have come."""
    order_id = take("backorder_filled")
    with transaction() as session:
        (line,) = orders.lines_of(session, [order_id])[order_id]
        event_log.emit(session, BackorderFilled(order_id=order_id, quantities={line.product_id: 1}))
        return _reaction(session, "backorder_filled")


def transfer(refused_at: str | None = None) -> str:
    """Goods are transferred to a new warehouse. They are sold, or the transfer is cancelled, if it is to be refused.

    The receipt is recorded before any worker looks, which requires the goods to be in transit.
    """
    number = next(_numbers)
    goods = make_product(f"SENT-{number}", 5)
    with transaction() as session:
        target = inventory.create_warehouse(session, f"Target {number}", {}, {})
        source = inventory.get_default_warehouse(session)
        made = inventory.request_transfer(session, source.id, target.id, {goods: 5})
        if refused_at == "inventory.send_transfer":
            inventory.adjust(session, goods, -1, "broken")
        elif refused_at == "inventory.receive_transfer":
            inventory.cancel_transfer(session, made.id, None)
        else:
            _record_receipt(session, made)
    return made.run_id


def _record_receipt(session: Session, made: inventory.Transfer) -> None:
    """Four of five units are received as soon as they are sent: nobody is there to do it after the kill."""
    made.received_at = func.now()
    lines = inventory.get_transfer_lines(session, [made.id])[made.id]
    lines[0].received = 4


def low_stock(refused_at: str | None = None) -> str:
    """Stock falls to its reorder point, without a reorder quantity."""
    scarce = make_product(f"LOW-{next(_numbers)}", 3)
    with transaction() as session:
        inventory.set_threshold(session, scarce, None, 1, None)
        inventory.adjust(session, scarce, -2, "broken")
        return _reaction(session, "low_stock")


def inventory_report(refused_at: str | None = None) -> str:
    """A report on all warehouses for one day."""
    make_product(f"REPORTED-{next(_numbers)}", 3)
    with transaction() as session:
        slot = {"from": "2026-11-21T00:00:00+00:00", "to": "2026-11-22T00:00:00+00:00"}
        return durable.start(session, "inventory_report", key=f"test-{next(_numbers)}", input=slot)


def cart_expiry(refused_at: str | None = None) -> str:
    """One guest cart has expired."""
    with transaction() as session:
        cart_id, _ = carts.open_guest_cart(session)
        _make_idle(session, cart_id, timedelta(days=400))
        slot = f"test-{next(_numbers)}"
        return durable.start(session, "cart_expiry", key=slot, input={"slot": slot})


def abandoned_carts(refused_at: str | None = None) -> str:
    """No cart is abandoned; `cart_reminder` covers the reminders."""
    slot = f"test-{next(_numbers)}"
    with transaction() as session:
        return durable.start(session, "abandoned_carts", key=slot, input={"slot": slot})


def cart_reminder(refused_at: str | None = None) -> str:
    """A new customer has abandoned a cart."""
    number = next(_numbers)
    left, user_id = make_product(f"LEFT-{number}", 5), make_customer(f"forgetful{number}")
    with transaction() as session:
        carts.add(session, user_id, left, 2)
        cart_id = carts.open_cart(session, user_id)
        _make_idle(session, cart_id, timedelta(days=2))
    with transaction() as session:
        carts.remind(session)
        return _reaction(session, "cart_reminder")


def _make_idle(session: Session, cart_id: str, since: timedelta) -> None:
    session.execute(update(carts.Cart).where(carts.Cart.id == cart_id).values(updated_at=func.now() - since))


def _reaction(session: Session, workflow: str) -> str:
    """The run that an event has just started in this transaction."""
    started = select(RunRecord.id).where(RunRecord.workflow == workflow).order_by(RunRecord.id.desc())
    return session.scalars(started.limit(1)).one()


def welcome(refused_at: str | None = None) -> str:
    """A customer registers."""
    name = f"newcomer{next(_numbers)}"
    with transaction() as session:
        accounts.register(
            session, username=name, email=f"{name}@example.org", password_hash="none", first_name="New",
            last_name="Comer", address=ADDRESS,
        )  # fmt: skip
        return _reaction(session, "welcome")


def password_reset(refused_at: str | None = None) -> str:
    """A customer requests a password reset."""
    user_id, key = make_customer(f"forgetful{next(_numbers)}"), f"test-{next(_numbers)}"
    with transaction() as session:
        accounts.request_reset(session, key, user_id)
        return _reaction(session, "password_reset")


def password_changed(refused_at: str | None = None) -> str:
    """A customer changes the password."""
    user_id = make_customer(f"careful{next(_numbers)}")
    with transaction() as session:
        accounts.change_password(session, user_id, "another")
        return _reaction(session, "password_changed")


def notification_test(refused_at: str | None = None) -> str:
    """A member of staff tests a template."""
    user_id, key = make_customer(f"tester{next(_numbers)}"), f"test-{next(_numbers)}"
    with transaction() as session:
        about = {"user_id": user_id, "kind": "welcome", "language": "de"}
        return durable.start(session, "notification_test", key=key, input=about)


def action_needed(refused_at: str | None = None) -> str:
    """A customer has cancelled a checkout whose payment waits; nothing is sent."""
    product_id, user_id = make_product(f"CONFIRMED-{next(_numbers)}", 1), make_customer(f"confirming{next(_numbers)}")
    with transaction() as session:
        order = place_order(session, user_id, {product_id: 1})
        about = {"order_id": order.id, "payment_id": payments.find_first_payment(session, order.id)}
        about["remind_at"] = "2026-11-29T00:00:00+00:00"
        return durable.start(session, "action_needed", key=about["payment_id"], input=about)


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


def back_in_stock_check(refused_at: str | None = None) -> str:
    """A customer waits for a product that has come."""
    user_id, key = make_customer(f"waiting{next(_numbers)}"), f"test-{next(_numbers)}"
    product_id = make_product(f"BACK-{next(_numbers)}", 0)
    with transaction() as session:
        inventory.wait_for_stock(session, user_id, product_id)
        inventory.adjust(session, product_id, 1, "delivery")
        return durable.start(session, "back_in_stock_check", key=key, input={"slot": key})


def back_in_stock(refused_at: str | None = None) -> str:
    """A product is available again."""
    user_id, product_id = make_customer(f"waiting{next(_numbers)}"), make_product(f"BACK-{next(_numbers)}", 1)
    with transaction() as session:
        about = {"user_id": user_id, "product_id": product_id}
        return durable.start(session, "back_in_stock", key=f"test-{next(_numbers)}", input=about)


def template_failed(refused_at: str | None = None) -> str:
    """A template that staff have changed fails."""
    with transaction() as session:
        event_log.emit(session, TemplateFailed(template=f"welcome/email/{next(_numbers)}", error="line 1: undefined"))
        return _reaction(session, "template_failed")


def erasure(refused_at: str | None = None) -> str:
    """A customer without orders closes the account."""
    user_id = make_customer(f"leaving{next(_numbers)}")
    with transaction() as session:
        accounts.close(session, user_id)
        return _reaction(session, "erasure")


def catalogue_import(refused_at: str | None = None) -> str:
    """A file of two chunks with one invalid row."""
    number = next(_numbers)
    rows = [f"I{number}-{n},clothing,Thing {n},Things,{n}.50,{n % 3}" for n in range(imports.store.CHUNK_ROWS + 1)]
    text = "\n".join(["sku,kind,title,category,price,stock", *rows, f"I{number}-x,clothing,,Things,1,1"])
    with transaction() as session:
        sheet = imports.CsvFile.open(BytesIO(text.encode()))
        owner = new_id("usr")
        made = imports.start_import(session, owner, sheet, sha256=str(number), file_name=None, default_kind=None)
    return made.run_id


def cancellation(refused_at: str | None = None) -> str:
    """A customer cancels a confirmed order."""
    with transaction() as session:
        order = orders.get(session, take("cancellation"))
        return orders.cancel_confirmed(session, order.id, actor=order.user_id, is_staff=False, reason=None)[1]


def line_cancellation(refused_at: str | None = None) -> str:
    """Staff cancel one of two pieces of a captured order."""
    with transaction() as session:
        order_id = take("line_cancellation")
        (line,) = orders.lines_of(session, [order_id])[order_id]
        cancelled = {line.product_id: 1}
        return fulfilment.cancel_pieces(
            session, order_id, lines=cancelled, actor=new_id("usr"), is_staff=True, reason=None
        )[1]


def ship_parcel(refused_at: str | None = None) -> str:
    """A confirmed order is packed, and needs a label. The payment has lapsed if the capture is to be refused."""
    service = "Teleport" if refused_at == "fulfilment.buy_label" else None
    return pack(take("fulfilment", refused_at), tracking_number=None, service=service)


def deliver(refused_at: str | None = None) -> str:
    """A parcel that has left is delivered."""
    order_id = take("delivery")
    with transaction() as session:
        (parcel,) = fulfilment.list_parcels(session, order_id)
        return str(fulfilment.deliver(session, parcel.id, "test").delivery_run_id)


def send_back(refused_at: str | None = None) -> str:
    """A customer returns or exchanges a delivered product, which has arrived before any worker looks."""
    order_id, number = take("return"), next(_numbers)
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


def expiring_authorisations(refused_at: str | None = None) -> str:
    """No authorisation ends soon; `authorisation_check` covers the checks."""
    slot = f"test-{next(_numbers)}"
    with transaction() as session:
        return durable.start(session, "expiring_authorisations", key=slot, input={"slot": slot})


def authorisation_check(refused_at: str | None = None) -> str:
    """The payment of a confirmed order has lapsed."""
    order_id = take("authorisation_check")
    with transaction() as session:
        about = {"order_id": order_id, "payment_id": payments.find_first_payment(session, order_id)}
        return durable.start(session, "authorisation_check", key=order_id, input=about)


def reconcile(refused_at: str | None = None) -> str:
    """A period without payments is reconciled, of which a forgotten authorisation is known already."""
    reconciliation_id, reference = new_id("rec"), take("reconciliation")
    found = {"kind": "forgotten_authorisation", "subject": reference, "reference": reference, "gateway": "stripe"}
    with transaction() as session:
        row = {"reconciliation_id": reconciliation_id, "order_id": new_id("ord"), "theirs": 500, **found}
        payments.add_differences(session, [row])
        about = {"day": "2001-01-01", "reconciliation_id": reconciliation_id}
        return durable.start(session, "reconciliation", key=reconciliation_id, input=about)


def webhook_disabled(refused_at: str | None = None) -> str:
    """A webhook endpoint says that it is gone."""
    with transaction() as session:
        endpoint_id = new_id("whe")
        session.add(
            webhooks.Endpoint(id=endpoint_id, url="https://gone.example/", types=[], secret="whsec_eA==", cursor=0)
        )
        session.flush()
        webhooks.record(session, [], [], [], [], [endpoint_id])
        return _reaction(session, "webhook_disabled")


DRIVERS: dict[str, tuple[Callable[[str | None], str], tuple[str | None, ...]]] = {
    "checkout": (
        checkout,
        (None, "inventory.reserve", "payments.authorise", "payments.await_customer", "orders.confirm"),
    ),
    "clean_up": (clean_up, (None,)),
    "restock": (restock, (None, "notifications.goods_ordered")),
    "backordered": (backordered, (None,)),
    "backorder_filled": (backorder_filled, (None,)),
    "transfer": (transfer, (None, "inventory.send_transfer", "inventory.receive_transfer")),
    "low_stock": (low_stock, (None,)),
    "inventory_report": (inventory_report, (None,)),
    "cart_expiry": (cart_expiry, (None,)),
    "abandoned_carts": (abandoned_carts, (None,)),
    "cart_reminder": (cart_reminder, (None,)),
    "welcome": (welcome, (None,)),
    "password_reset": (password_reset, (None,)),
    "password_changed": (password_changed, (None,)),
    "erasure": (erasure, (None,)),
    "notification_test": (notification_test, (None,)),
    "action_needed": (action_needed, (None,)),
    "back_in_stock": (back_in_stock, (None,)),
    "back_in_stock_check": (back_in_stock_check, (None,)),
    "delay_notice": (delay_notice, (None,)),
    "template_failed": (template_failed, (None,)),
    "catalogue_import": (catalogue_import, (None,)),
    "capture": (capture, (None, "payments.capture")),
    "refund": (refund, (None, "payments.refund")),
    "payment_update": (payment_update, (None,)),
    "payment_follow_up": (payment_follow_up, (None,)),
    "refund_failed": (refund_failed, (None,)),
    "dispute_opened": (dispute_opened, (None,)),
    "dispute_closed": (dispute_closed, (None,)),
    "cancellation": (cancellation, (None,)),
    "expiring_authorisations": (expiring_authorisations, (None,)),
    "authorisation_check": (authorisation_check, (None,)),
    "reconciliation": (reconcile, (None,)),
    "line_cancellation": (line_cancellation, (None,)),
    "fulfilment": (ship_parcel, (None, "fulfilment.buy_label", "payments.capture_order")),
    "delivery": (deliver, (None,)),
    "return": (send_back, (None,)),
    "webhook_disabled": (webhook_disabled, (None,)),
}
"""Workflow → a function that starts a run and returns its id, and the paths that it supports."""
