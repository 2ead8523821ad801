"""Steps of the notifications service. Each composes one kind of notification, and sends it by e-mail."""

from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

from sqlalchemy.orm import Session

from durable import Run, Service, Step
from models import accounts, carts, fulfilment, inventory, notifications, orders
from models.core.errors import MailRefused
from models.core.workflow_inputs import (
    CancellationInput,
    CartReminderInput,
    CheckoutInput,
    LowStockInput,
    ParcelInput,
    RefundInput,
    ResetInput,
    RestockInput,
    UserInput,
)
from models.notifications import Kind, kinds
from models.notifications.kinds import Context
from settings import settings
from tasks.gateways.email import smtp
from tasks.inventory import reorder
from tasks.orders import confirm, credit
from tasks.payments import refund

service = Service("notifications")
CHANNEL = "email"
TOKEN = "[the token is in the mail only]"  # noqa: S105, replaces the token wherever the mail is stored


class Request(TypedDict):
    """A mail, as it is stored with the step."""

    id: str
    to: str
    subject: str
    text: str
    run_id: NotRequired[str]  # of `password_reset`


def _send(request: Request, idempotency_key: str) -> str | None:
    """Why the mail server will never accept the mail, or None if it has."""
    try:
        smtp.send(to=request["to"], subject=request["subject"], text=request["text"], message_id=request["id"])
    except MailRefused as refusal:
        return refusal.detail  # an invalid address is no reason to delay an order
    return None


def _send_token(request: Request, idempotency_key: str) -> str | None:
    """As `_send`, with the token in the place of TOKEN."""
    token = accounts.derive_reset_token(request["run_id"])
    return _send({**request, "text": request["text"].replace(TOKEN, token)}, idempotency_key)


def sends(
    kind: Kind[Any], *, call: Callable[[Request, str], str | None] = _send, queue: str | None = None
) -> Callable[[Callable[[Session, Run[Any]], Request | None]], Step[dict[str, str]]]:
    """Makes a step of a function that composes a notification of this kind, or returns None to send nothing."""

    def record(session: Session, run: Run, fault: str | None) -> dict[str, str]:
        notifications.record_delivery(session, kind, key=_key(run), channel=CHANNEL, fault=fault)
        return {"fault": fault} if fault else {}

    return service.external_step(call=call, record=record, queue=queue)


def _key(run: Run) -> str:
    return f"{run.workflow}:{run.key}"


def _compose(
    session: Session, run: Run, kind: Kind[Context], context: Context, recipient: str, user_id: str | None = None
) -> Request:
    message = notifications.compose(
        session, kind, context, key=_key(run), channel=CHANNEL, recipient=recipient, user_id=user_id
    )
    return {"id": f"<{message.id}@shopflow>", "to": recipient, "subject": message.subject, "text": message.text}


@sends(kinds.ORDER_CONFIRMED)
def order_confirmed(session: Session, run: Run[CheckoutInput]) -> Request | None:
    """Sends the customer the order's lines, its total and its invoice number."""
    lines = orders.get_summary(session, run.input["order_id"])
    order, confirmed = lines[0], run.output(confirm) or {}
    if not _is_wanted(session, kinds.ORDER_CONFIRMED, order):
        return None
    context: kinds.OrderConfirmed = {
        "first_name": order.first_name, "number": order.number, "total": order.total, "currency": order.currency,
        "lines": [{"quantity": line.quantity, "title": line.title} for line in lines],
        "invoice": confirmed["invoice_number"],
    }  # fmt: skip
    return _compose(session, run, kinds.ORDER_CONFIRMED, context, order.email, order.user_id)


@sends(kinds.ORDER_CANCELLED)
def order_cancelled(session: Session, run: Run[CheckoutInput | CancellationInput]) -> Request | None:
    """Sends the customer the reason for which the order was cancelled."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    if not _is_wanted(session, kinds.ORDER_CANCELLED, order):
        return None
    context: kinds.OrderCancelled = {
        "first_name": order.first_name, "number": order.number, "reason": order.reason["detail"],
        "charged": order.confirmed_at is not None,
    }  # fmt: skip
    return _compose(session, run, kinds.ORDER_CANCELLED, context, order.email, order.user_id)


@sends(kinds.REFUNDED)
def refunded(session: Session, run: Run[RefundInput]) -> Request | None:
    """Sends the customer the amount of a refund, its reason and the number of its credit note."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    done: Mapping[str, Any] = run.output(refund) or {}
    if not _is_wanted(session, kinds.REFUNDED, order):
        return None
    context: kinds.Refunded = {
        "first_name": order.first_name, "number": order.number, "amount": done["amount"], "currency": order.currency,
        "reason": run.input["reason"], "credit_note": (run.output(credit) or {})["credit_note_number"],
    }  # fmt: skip
    return _compose(session, run, kinds.REFUNDED, context, order.email, order.user_id)


def _is_wanted(session: Session, kind: Kind[Any], order: Any) -> bool:
    return order.account == "active" and accounts.wants(session, order.user_id, kind.name, CHANNEL)


@sends(kinds.CART_REMINDER, queue="mass_mail")
def cart_reminder(session: Session, run: Run[CartReminderInput]) -> Request | None:
    """Reminds a customer of an abandoned cart, unless it was touched since or the customer declines such mails."""
    user = accounts.get(session, run.input["user_id"])
    if not notifications.is_composed(session, kinds.CART_REMINDER, _key(run)) and not (
        user.status == "active"
        and carts.is_abandoned(session, run.input["cart_id"], run.input["touched"])
        and accounts.wants(session, user.id, kinds.CART_REMINDER.name, CHANNEL)
    ):
        return None
    left = [line for line in carts.view(session, user.id).items if line.available]
    context: kinds.CartReminder = {
        "first_name": user.first_name, "lines": [{"quantity": line.quantity, "title": line.name} for line in left],
    }  # fmt: skip
    return _compose(session, run, kinds.CART_REMINDER, context, user.email, user.id)


@sends(kinds.WELCOME)
def welcome(session: Session, run: Run[UserInput]) -> Request | None:
    """Welcomes a new customer."""
    return _to_user(session, run, kinds.WELCOME, run.input["user_id"])


@sends(kinds.PASSWORD_CHANGED)
def password_changed(session: Session, run: Run[UserInput]) -> Request | None:
    """Informs a user that the password was changed: it may have been somebody else."""
    return _to_user(session, run, kinds.PASSWORD_CHANGED, run.input["user_id"])


@sends(kinds.PASSWORD_RESET, call=_send_token)
def password_reset(session: Session, run: Run[ResetInput]) -> Request | None:
    """Sends a user a token for a new password, and a link to the shop's pages if it has any.

    The token is in the mail and nowhere else: neither in the stored notification, nor in the run.
    """
    user_id = run.input["user_id"]
    if user_id is None:  # the request named no account, which its answer does not reveal
        return None
    request = _to_user(session, run, kinds.PASSWORD_RESET, user_id, token=TOKEN, pages=settings.public_url)
    if request is None:
        return None
    accounts.save_reset_token(session, run.id, user_id)
    return {**request, "run_id": run.id}


def _to_user(session: Session, run: Run, kind: Kind[Any], user_id: str, **context: str) -> Request | None:
    """A mail to an account; None if it is closed, or if its owner declines this kind."""
    user = accounts.get(session, user_id)
    if user.status != "active" or not accounts.wants(session, user_id, kind.name, CHANNEL):
        return None
    account: kinds.Account = {"first_name": user.first_name, "username": user.username}
    return _compose(session, run, kind, {**account, **context}, user.email, user.id)


@sends(kinds.STOCK_LOW)
def stock_low(session: Session, run: Run[LowStockInput]) -> Request:
    """Informs staff that stock has reached its reorder point, and whether more was ordered."""
    warehouse = inventory.get_warehouse(session, run.input["warehouse_id"])
    level = inventory.select_levels(run.input["product_id"], warehouse.id)
    _, sku, title = session.execute(level).one()
    ordered = (run.output(reorder) or {}).get("purchase_order_id")
    context: kinds.StockLow = {
        "sku": sku, "title": title, "warehouse": warehouse.name, "available": run.input["available"],
        "reorder_point": run.input["reorder_point"],
        "purchase_order": inventory.get_purchase_order(session, ordered).number if ordered else None,
    }  # fmt: skip
    return _compose(session, run, kinds.STOCK_LOW, context, settings.staff_email)


@sends(kinds.GOODS_ORDERED)
def goods_ordered(session: Session, run: Run[RestockInput]) -> Request | None:
    """Sends the supplier a purchase order, unless it was cancelled before.

    Refused if the warehouse was closed since: it accepts no deliveries.
    """
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    if order.status == "cancelled":
        return None
    inventory.check_open(inventory.get_warehouse(session, order.warehouse_id))
    context = _purchase_order(session, order, lambda line: line.quantity)
    return _compose(session, run, kinds.GOODS_ORDERED, context, settings.supplier_email)


@sends(kinds.ORDER_WITHDRAWN)
def order_withdrawn(session: Session, run: Run[RestockInput]) -> Request | None:
    """Informs the supplier of a cancelled purchase order what not to deliver, if it was sent before."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    if order.status != "cancelled" or not notifications.is_composed(session, kinds.GOODS_ORDERED, _key(run)):
        return None
    context = _purchase_order(session, order, lambda line: line.quantity - line.received)
    return _compose(session, run, kinds.ORDER_WITHDRAWN, context, settings.supplier_email)


@sends(kinds.RESTOCK_CANCELLED)
def restock_cancelled(session: Session, run: Run[RestockInput]) -> Request:
    """Informs staff why a purchase order was not sent."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    context: kinds.RestockCancelled = {"number": order.number, "reason": run.error["detail"]}
    return _compose(session, run, kinds.RESTOCK_CANCELLED, context, settings.staff_email)


@sends(kinds.GOODS_RECEIVED)
def goods_received(session: Session, run: Run[RestockInput]) -> Request:
    """Informs staff of what was delivered."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    context = _purchase_order(session, order, lambda line: line.received)
    return _compose(session, run, kinds.GOODS_RECEIVED, context, settings.staff_email)


def _purchase_order(
    session: Session, order: inventory.PurchaseOrder, quantity: Callable[[inventory.PurchaseLine], int]
) -> kinds.PurchaseOrder:
    lines: list[kinds.Goods] = [
        {"quantity": quantity(line), "title": line.title, "sku": line.sku}
        for line in inventory.get_purchase_lines(session, [order.id])[order.id]
        if quantity(line)
    ]
    warehouse = inventory.get_warehouse(session, order.warehouse_id)
    return {"number": order.number, "status": order.status, "warehouse": warehouse.name, "lines": lines}


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> dict[str, int]:
    """Erases the notifications of a user whose account is closed."""
    return {"mails": notifications.erase_user(session, run.input["user_id"])}


@sends(kinds.ORDER_SHIPPED)
def order_shipped(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Sends the customer the contents of a parcel that has left, and its tracking number."""
    return _about_parcel(session, run, kinds.ORDER_SHIPPED)


@sends(kinds.ORDER_DELIVERED)
def order_delivered(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Informs the customer of a delivery."""
    is_delivered = fulfilment.get_parcel(session, run.input["parcel_id"]).status == "delivered"
    return _about_parcel(session, run, kinds.ORDER_DELIVERED) if is_delivered else None


def _about_parcel(session: Session, run: Run[ParcelInput], kind: Kind[kinds.Parcel]) -> Request | None:
    rows = orders.get_summary(session, run.input["order_id"])
    parcel, inside = (
        fulfilment.get_parcel(session, run.input["parcel_id"]),
        fulfilment.lines_of(session, run.input["parcel_id"]),
    )
    if not _is_wanted(session, kind, rows[0]):
        return None
    context: kinds.Parcel = {
        "first_name": rows[0].first_name, "number": rows[0].number, "carrier": parcel.carrier or "",
        "tracking": parcel.tracking_number or "",
        "lines": [{"quantity": inside[r.product_id], "title": r.title} for r in rows if r.product_id in inside],
    }  # fmt: skip
    return _compose(session, run, kind, context, rows[0].email, rows[0].user_id)


@sends(kinds.SHIPMENT_FAILED)
def shipment_failed(session: Session, run: Run[ParcelInput]) -> Request:
    """Informs staff why a parcel was not shipped."""
    order = orders.get(session, run.input["order_id"])
    context: kinds.ShipmentFailed = {"number": order.number, "reason": run.error["detail"]}
    return _compose(session, run, kinds.SHIPMENT_FAILED, context, settings.staff_email)


@sends(kinds.PARCEL_LOST)
def parcel_lost(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Informs staff of a parcel that was not delivered in time."""
    parcel, order = fulfilment.get_parcel(session, run.input["parcel_id"]), orders.get(session, run.input["order_id"])
    if parcel.status != "lost":
        return None
    context: kinds.ParcelLost = {
        "number": order.number, "carrier": parcel.carrier or "", "tracking": parcel.tracking_number or "",
    }  # fmt: skip
    return _compose(session, run, kinds.PARCEL_LOST, context, settings.staff_email)
