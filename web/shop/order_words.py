"""What an order, its parcels and its returns are called in a customer's words."""

from collections.abc import Mapping
from typing import Any

from web.language import day, gettext
from web.language import translatable as _
from web.wording import describe_decline, describe_refusal

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
ON_THE_WAY = {
    "out_for_delivery": _("is being delivered today"),
    "available_for_pickup": _("can be picked up"),
    "failure": _("could not be delivered; the carrier may try again"),
    "return_to_sender": _("is on its way back to us"),
}
"""What the carrier has reported last of a parcel that has left, if it says more than the parcel's status."""
RETURNS = {
    "requested": _("We have received your request."), "approved": _("Please send the goods back."),
    "in_transit": _("The goods are on their way to us."), "received": _("The goods have arrived."),
    "refunded": _("Your money is on its way back."), "refused": _("We could not accept this return."),
    "closed": _("This return is closed."),
}  # fmt: skip


def describe_order(order: Mapping[str, Any], action: Mapping[str, Any] | None, *, is_being_cancelled: bool) -> str:
    """The headline of an order. `action`: what the customer must do before it goes on."""
    if is_being_cancelled:
        return gettext("We are cancelling your order")
    if action is not None:
        waits = action["type"] == "wait"
        return gettext("Your bank is checking the payment") if waits else gettext("Please confirm the payment")
    if order["fulfilment_status"] == "partially_fulfilled":
        return gettext("A part of your order is on its way")
    return gettext(HEADLINES[order["status"]])


def describe_parcel(status: str, reported: str | None) -> str:
    """What happens to a parcel; `reported`: the status that the carrier has reported last."""
    has_left = status in ("shipped", "in_transit")
    return gettext(ON_THE_WAY[reported] if has_left and reported in ON_THE_WAY else PARCELS[status])


def describe_cancellation(order: Mapping[str, Any], decline: str | None) -> str:
    """Why an order was cancelled; empty if it was not. `decline`: the bank's reason."""
    reason: Mapping[str, Any] = order["reason"] or {}
    code, detail = str(reason.get("code", "")), str(reason.get("detail", ""))
    if code == "payment_declined":
        return gettext("Your payment was declined.") + " " + describe_decline(decline)
    if code == "cancelled_by_staff":
        why = "" if detail == "The order was cancelled by staff." else detail  # the words of a colleague, or none
        return " ".join(filter(None, (gettext("We had to cancel it. You will not be charged."), why)))
    known = {
        "cancelled_by_customer": gettext("You have cancelled it."),
        "deadline_exceeded": gettext("It took too long to confirm the payment. You were not charged."),
    }
    return known.get(code) or (describe_refusal(code, detail) if code else "")


def describe_wait(order: Mapping[str, Any]) -> str:
    """What has to be waited for before all of a confirmed order can be sent; empty if nothing has."""
    if order["status"] not in ("confirmed", "processing") or not any(line["backordered"] for line in order["lines"]):
        return ""
    if order["promised_on"] is None:
        return gettext("Not everything is in stock yet. We send it as soon as it comes.")
    return gettext("Not everything is in stock yet. We expect the rest on %(day)s, and send it then.") % {
        "day": day(order["promised_on"])
    }
