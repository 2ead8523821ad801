"""What the customer is notified of, and by which channel."""

from typing import Any

from flask import Response, g, request

from models import accounts
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.language import translatable as _
from web.pages import render, see
from web.shop.account.acting import has_channel

KINDS = {
    "order_confirmed": _("Your order is confirmed"), "order_cancelled": _("Your order was cancelled"),
    "payment_failed": _("A payment has failed"), "lines_cancelled": _("A part of your order was cancelled"),
    "refunded": _("You get money back"), "action_needed": _("You have to confirm a payment"),
    "order_shipped": _("Your order is on its way"), "return_decided": _("Your return was accepted or refused"),
    "return_received": _("What you have sent back has arrived"), "order_delayed": _("Your order is late"),
    "order_delivered": _("Your order has arrived"), "backorder_filled": _("What you have waited for has come"),
    "password_changed": _("Your password was changed"), "new_device": _("Somebody has signed in on a new device"),
    "sign_in_changed": _("How you sign in was changed"), "welcome": _("Welcome"),
    "back_in_stock": _("A product is available again"), "cart_reminder": _("Your basket is waiting for you"),
}  # fmt: skip
"""The kinds that the page shows. The others are mails without which something does not work, such as codes."""
CHANNELS = {"email": _("E-mail"), "sms": _("Text message"), "push": _("Push notification")}


@shop.get("/account/notifications")
@access.signed_in
def preferences() -> Response:
    """What the customer is notified of, and how."""
    with transaction() as session:
        chosen = accounts.preferences_of(session, g.principal.user_id)
        number = accounts.find_verified_number(session, g.principal.user_id)
        device = session.scalars(accounts.list_devices(g.principal.user_id).limit(1)).one_or_none()
    return render(
        "account/notifications.html", chosen=chosen, kinds=KINDS, channels=_channels(), number=number,
        has_device=device is not None, declared=accounts.CUSTOMER_KINDS, saved="saved" in request.args,
    )  # fmt: skip


@shop.post("/account/notifications")
@takes_form
@access.signed_in
def change_preferences() -> Response:
    """Sets each channel of each kind that the page shows: what is not ticked is switched off."""
    with transaction() as session:
        wanted = {
            name: {channel: f"{name}.{channel}" in request.form for channel in _choices(kind)}
            for name, kind in accounts.CUSTOMER_KINDS.items()
            if name in KINDS
        }
        accounts.set_preference(session, g.principal.user_id, wanted)
    return see("shop.preferences", saved=1)


def _channels() -> dict[str, str]:
    """The channels of this shop, and their names."""
    return {channel: label for channel, label in CHANNELS.items() if has_channel(channel)}


def _choices(kind: Any) -> list[str]:
    """The channels that a customer may switch on and off for a kind."""
    possible = [channel for channel in kind.all_channels if has_channel(channel)]
    return [channel for channel in possible if not (kind.mandatory and channel == "email")]
