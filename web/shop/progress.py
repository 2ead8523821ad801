"""What happens to an order, in a customer's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from durable import RunNotFound, queries
from models import fulfilment, orders, payments, returns
from models.accounts import Principal
from models.core.database import transaction
from serving.orders import order_views
from serving.tasks import find_next_action
from web.language import gettext, ngettext
from web.language import translatable as _
from web.wording import describe_decline, describe_refusal

OVER = ("cancelled", "delivered", "returned")
"""Statuses after which a page need not look again."""
HEADLINES = {
    "pending": _("We are working on your order"),
    "confirmed": _("Your order is confirmed"),
    "processing": _("We are packing your order"),
    "shipped": _("Your order is on its way"),
    "delivered": _("Your order has arrived"),
    "cancelled": _("Your order was cancelled"),
    "returned": _("Your order was returned"),
}
STATES = {
    "pending": _("being checked"), "confirmed": _("confirmed"), "processing": _("being packed"),
    "shipped": _("on its way"), "delivered": _("delivered"), "cancelled": _("cancelled"), "returned": _("returned"),
}  # fmt: skip
PARCELS = {
    "pending": _("is being packed"), "label_bought": _("is being packed"), "shipped": _("is on its way"),
    "in_transit": _("is on its way"), "delivered": _("has arrived"), "returned": _("came back to us"),
    "lost": _("seems to be lost; we are looking into it"),
}  # fmt: skip
RETURNS = {
    "requested": _("We have received your request."), "approved": _("Please send the goods back."),
    "in_transit": _("The goods are on their way to us."), "received": _("The goods have arrived."),
    "refunded": _("Your money is on its way back."), "refused": _("We could not accept this return."),
    "closed": _("This return is closed."),
}  # fmt: skip


Times = dict[str, datetime | None]
"""Step of the workflow → when it was done."""


@dataclass(frozen=True)
class Step:
    """A step of an order: done, now, later or failed; and when it was done."""

    name: str
    state: str
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Progress:
    """An order as its page shows it. `action`: what the customer must do before it goes on. `is_live`: it changes
    within seconds; `is_over`: it does not change any more."""

    order: dict[str, Any]
    headline: str
    steps: list[Step]
    parcels: list[Any]
    returns: list[Any]
    action: Mapping[str, Any] | None
    reason: str
    run_id: str
    is_live: bool
    is_over: bool
    can_cancel: bool
    can_cancel_pieces: bool
    can_return: bool
    can_pay_again: bool


def read_progress(order_id: str, principal: Principal) -> Progress:
    """The state of an order of this customer. Raises NotFound."""
    with transaction() as session:
        order = orders.get_visible_order(session, order_id, principal)
        [view] = order_views(session, [order], principal)
        parcels = [parcel for parcel in fulfilment.list_parcels(session, order_id) if parcel.status != "cancelled"]
        of_order = select(returns.Return).where(returns.Return.order_id == order_id)
        sent_back = list(session.scalars(of_order.order_by(returns.Return.id)))
        returnable = bool(parcels) and bool(returns.list_returnable(session, order_id))
        done: Times = {}
        action = None
        if order.status == "pending" and order.run_id:
            try:
                run, steps = queries.run_with_steps(session, order.run_id)
            except RunNotFound:
                steps = []
            else:
                action = find_next_action(session, run)
            done = {step.name: step.finished_at for step in steps if step.status == "done"}
        decline = payments.get_payment(session, str(view["payment_id"])).decline_code
    status = str(view["status"])
    return Progress(
        order=view, headline=_headline(status, action), steps=_steps(view, done, parcels, action), parcels=parcels,
        returns=sent_back, action=action, reason=_reason(order.reason or {}, decline), run_id=order.run_id or "",
        is_live=status == "pending", is_over=status in OVER,
        can_cancel=status in ("pending", "confirmed") and not parcels,
        can_cancel_pieces=status == "confirmed" and _count_pieces(view) > 1,
        can_return=returnable,
        can_pay_again=status == "cancelled" and order.confirmed_at is None,
    )  # fmt: skip


def _count_pieces(order: Mapping[str, Any]) -> int:
    """The pieces that were not cancelled."""
    return sum(line["quantity"] - line["cancelled"] for line in order["lines"])


def _headline(status: str, action: Mapping[str, Any] | None) -> str:
    if action is not None:
        waits = action["type"] == "wait"
        return gettext(_("Your bank is checking the payment") if waits else _("Please confirm the payment"))
    return gettext(HEADLINES[status])


def _reason(reason: Mapping[str, Any], decline: str | None) -> str:
    """Why the order was cancelled; empty if it was not."""
    code = str(reason.get("code", ""))
    if code == "payment_declined":
        return gettext("Your payment was declined.") + " " + describe_decline(decline)
    known = {
        "cancelled_by_customer": gettext("You have cancelled it."),
        "cancelled_by_staff": gettext("We had to cancel it. You will not be charged."),
        "deadline_exceeded": gettext("It took too long to confirm the payment. You were not charged."),
    }
    return known.get(code) or (describe_refusal(code, str(reason.get("detail", ""))) if code else "")


def _steps(
    order: Mapping[str, Any], done: Times, parcels: Sequence[Any], action: Mapping[str, Any] | None
) -> list[Step]:
    confirmed, status = order["confirmed_at"], order["status"]
    reserved = confirmed or "inventory.reserve" in done
    shipped = [parcel.shipped_at for parcel in parcels if parcel.shipped_at]
    arrived = [parcel.delivered_at for parcel in parcels if parcel.delivered_at]
    has_left, has_arrived = status in ("shipped", "delivered", "returned"), status in ("delivered", "returned")
    paid = confirmed or "payments.await_customer" in done
    known: list[tuple[str, bool, datetime | None]] = [
        (gettext("Order received"), True, order["created_at"]),
        (gettext("Goods reserved for you"), bool(reserved), done.get("inventory.reserve")),
        (gettext("Payment approved"), bool(paid), done.get("payments.await_customer")),
        (gettext("Order confirmed"), bool(confirmed), confirmed),
        (gettext("Packed"), bool(parcels) or has_left, min((p.created_at for p in parcels), default=None)),
        (gettext("On its way to you"), has_left, max(shipped, default=None)),
        (gettext("Delivered"), has_arrived, max(arrived, default=None)),
    ]  # fmt: skip
    steps = [Step(name, "done", at) for name, is_done, at in known if is_done]
    if status == "cancelled":
        return [*steps, Step(gettext("Order cancelled"), "failed", order["cancelled_at"])]
    later = [name for name, is_done, _at in known if not is_done]
    note = gettext("Waiting for you to confirm it.") if action and action["type"] != "wait" else ""
    if len(parcels) > 1 and shipped and not has_left:
        note = ngettext("%(num)s parcel has left.", "%(num)s parcels have left.", len(shipped)) % {"num": len(shipped)}
    return steps + [Step(name, "later" if at else "now", None, "" if at else note) for at, name in enumerate(later)]
