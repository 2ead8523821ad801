"""Steps of the notifications service: what people are told, through gateways that may be away for a while."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Service
from models import accounts, carts, inventory, notifications, orders
from models.core.errors import MailRefused
from models.core.workflow_inputs import (
    CartReminderInput,
    CheckoutInput,
    LowStockInput,
    ResetInput,
    RestockInput,
    UserInput,
)
from settings import settings
from tasks.gateways.mail import smtp as mail
from tasks.inventory import reorder
from tasks.orders import confirm

service = Service("notifications")


def _send(request: dict[str, Any], idempotency_key: str) -> str | None:
    """Why the mail server will never take the mail, or None if it has."""
    try:
        mail.send(to=request["to"], subject=request["subject"], text=request["text"], message_id=request["id"])
    except MailRefused as refusal:
        return refusal.detail  # a wrong address is no reason to hold up an order
    return None


def _sent(session: Session, run: Run, fault: str | None) -> dict[str, Any]:
    notifications.sent(session, _key(run), fault)
    return {"fault": fault} if fault else {}


def _key(run: Run) -> str:
    return f"{run.workflow}:{run.key}"


@service.external_step(call=_send, record=_sent)
def order_confirmed(session: Session, run: Run[CheckoutInput]) -> dict[str, Any] | None:
    """Mails the customer what was bought and the number of its invoice."""
    lines = orders.get_summary(session, run.input["order_id"])
    order, confirmed = lines[0], run.output(confirm) or {}
    return _to_customer(
        session, run, "order_confirmed", order,
        lines="\n".join(f"  {line.quantity} x {line.title}" for line in lines),
        total=f"{order.total / 100:.2f} {order.currency}", invoice=confirmed["invoice_number"],
    )  # fmt: skip


@service.external_step(call=_send, record=_sent)
def order_cancelled(session: Session, run: Run[CheckoutInput]) -> dict[str, Any] | None:
    """Mails the customer why the order could not be completed."""
    order = orders.get_summary(session, run.input["order_id"])[0]
    return _to_customer(session, run, "order_cancelled", order, reason=run.error["detail"])


@service.external_step(call=_send, record=_sent, queue="mass_mail")
def cart_reminder(session: Session, run: Run[CartReminderInput]) -> dict[str, Any] | None:
    """Mails a customer what was left in the cart, unless it was touched since, or no such mails are wanted."""
    user = accounts.get(session, run.input["user_id"])
    if not notifications.composed(session, _key(run)) and not (
        user.status == "active"
        and carts.is_abandoned(session, run.input["cart_id"], run.input["touched"])
        and accounts.wants(session, user.id, "cart_reminder", "email")
    ):
        return None
    left = [line for line in carts.view(session, user.id).items if line.available]
    return _mail(
        notifications.compose(
            session, _key(run), "cart_reminder", user.id, user.email, first_name=user.first_name,
            lines="\n".join(f"  {line.quantity} x {line.name}" for line in left) or "  what is sold out by now",
        )
    )  # fmt: skip


def _to_customer(session: Session, run: Run, kind: str, order: Any, **words: Any) -> dict[str, Any] | None:
    """A mail about an order; None if the account is closed, or such mails are not wanted."""
    if order.account != "active" or not accounts.wants(session, order.user_id, kind, "email"):
        return None
    words |= {"number": order.number, "first_name": order.first_name}
    return _mail(notifications.compose(session, _key(run), kind, order.user_id, order.email, **words))


def _to_user(session: Session, run: Run, kind: str, user_id: str, **words: Any) -> dict[str, Any] | None:
    """A mail to somebody with an account; None if the account is closed, or such mails are not wanted."""
    user = accounts.get(session, user_id)
    if user.status != "active" or not accounts.wants(session, user_id, kind, "email"):
        return None
    words |= {"first_name": user.first_name, "username": user.username}
    return _mail(notifications.compose(session, _key(run), kind, user.id, user.email, **words))


@service.external_step(call=_send, record=_sent)
def welcome(session: Session, run: Run[UserInput]) -> dict[str, Any] | None:
    """Mails a new customer that the account is open."""
    return _to_user(session, run, "welcome", run.input["user_id"])


@service.external_step(call=_send, record=_sent)
def password_changed(session: Session, run: Run[UserInput]) -> dict[str, Any] | None:
    """Mails a user that the password was changed, for it may have been somebody else."""
    return _to_user(session, run, "password_changed", run.input["user_id"])


UNSAID = "[the token is in the mail only]"


def _send_token(request: dict[str, Any], idempotency_key: str) -> str | None:
    """As `_send`, with the token in place of what stands for it in the request that is kept."""
    how = how_to_reset(accounts.derive_reset_token(request["run_id"]), settings.public_url)
    return _send({**request, "text": request["text"].replace(UNSAID, how)}, idempotency_key)


@service.external_step(call=_send_token, record=_sent)
def password_reset(session: Session, run: Run[ResetInput]) -> dict[str, Any] | None:
    """Mails a user a token for a new password, and a link if it is known where the shop's pages are.

    The token is in the mail and nowhere else: neither in the notification that is kept, nor in the run.
    """
    user_id = run.input["user_id"]
    if user_id is None:  # somebody asked for an account that there is not, and was not told so
        return None
    request = _to_user(session, run, "password_reset", user_id, how=UNSAID)
    if request is None:
        return None
    accounts.save_reset_token(session, run.id, user_id)
    return {**request, "run_id": run.id}


def how_to_reset(token: str, pages: str) -> str:
    """What to do with a token for a new password. `pages`: where the shop's pages are, empty if there are none."""
    how = f"This is your token for it:\n\n  {token}"
    # Behind the #, so that it does not come into the logs of whoever serves the page.
    return f"Choose it here:\n\n  {pages}/password#token={token}\n\n{how}" if pages else how


@service.step
def erase_user(session: Session, run: Run[UserInput]) -> dict[str, Any]:
    """Erases what a user who is gone was told."""
    return {"mails": notifications.erase_user(session, run.input["user_id"])}


def _mail(mail: notifications.Mail) -> dict[str, Any]:
    return {"id": f"<{mail.id}@shopflow>", "to": mail.recipient, "subject": mail.subject, "text": mail.text}


def _sent_as(kind: str) -> Callable[[Session, Run, str | None], dict[str, Any]]:
    """As `_sent`, for a run that sends more than one mail."""

    def sent(session: Session, run: Run, fault: str | None) -> dict[str, Any]:
        notifications.sent(session, f"{_key(run)}:{kind}", fault)
        return {"fault": fault} if fault else {}

    return sent


def _to_house(session: Session, run: Run, kind: str, recipient: str, **words: Any) -> dict[str, Any]:
    return _mail(notifications.compose(session, f"{_key(run)}:{kind}", kind, None, recipient, **words))


@service.external_step(call=_send, record=_sent_as("stock_low"))
def stock_low(session: Session, run: Run[LowStockInput]) -> dict[str, Any]:
    """Mails the staff what has come down to its reorder point, and whether more of it was ordered."""
    warehouse = inventory.get_warehouse(session, run.input["warehouse_id"])
    level = inventory.select_levels(run.input["product_id"], warehouse.id)
    _, sku, title = session.execute(level).one()
    ordered = (run.output(reorder) or {}).get("purchase_order_id")
    words = "No order was placed for it."
    if ordered:
        words = f"Purchase order {inventory.get_purchase_order(session, ordered).number} was placed for it."
    return _to_house(
        session, run, "stock_low", settings.staff_email, sku=sku, title=title, warehouse=warehouse.name,
        available=run.input["available"], reorder_point=run.input["reorder_point"], ordered=words,
    )  # fmt: skip


@service.external_step(call=_send, record=_sent_as("goods_ordered"))
def goods_ordered(session: Session, run: Run[RestockInput]) -> dict[str, Any] | None:
    """Mails the supplier what to deliver, unless the purchase order was cancelled before.

    Refused if the warehouse was closed since: nothing can be taken in there.
    """
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    if order.status == "cancelled":
        return None
    inventory.check_open(inventory.get_warehouse(session, order.warehouse_id))
    return _about_goods(session, run, "goods_ordered", settings.supplier_email, lambda line: line.quantity)


@service.external_step(call=_send, record=_sent_as("order_withdrawn"))
def order_withdrawn(session: Session, run: Run[RestockInput]) -> dict[str, Any] | None:
    """Mails the supplier what need not be delivered any more, if it was told to deliver."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    if order.status != "cancelled" or not notifications.composed(session, f"{_key(run)}:goods_ordered"):
        return None
    return _about_goods(
        session, run, "order_withdrawn", settings.supplier_email, lambda line: line.quantity - line.received
    )


@service.external_step(call=_send, record=_sent_as("restock_cancelled"))
def restock_cancelled(session: Session, run: Run[RestockInput]) -> dict[str, Any]:
    """Mails the staff why a purchase order did not go out."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    return _to_house(session, run, "restock_cancelled", settings.staff_email, number=order.number,
                     reason=run.error["detail"])  # fmt: skip


@service.external_step(call=_send, record=_sent_as("goods_received"))
def goods_received(session: Session, run: Run[RestockInput]) -> dict[str, Any]:
    """Mails the staff what has come, for those who wait for it."""
    return _about_goods(session, run, "goods_received", settings.staff_email, lambda line: line.received)


def _about_goods(
    session: Session, run: Run[RestockInput], kind: str, recipient: str, pieces: Callable[[inventory.PurchaseLine], int]
) -> dict[str, Any]:
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    lines = [(pieces(line), line) for line in inventory.get_purchase_lines(session, [order.id])[order.id]]
    return _to_house(
        session, run, kind, recipient, number=order.number, status=order.status,
        warehouse=inventory.get_warehouse(session, order.warehouse_id).name,
        lines="\n".join(f"  {n} x {line.title} ({line.sku})" for n, line in lines if n) or "  nothing",
    )  # fmt: skip
