"""The ways to pay that the checkout offers, and what its page may load for them."""

import re
from typing import Any

from settings import settings
from web.forms import Form
from web.language import gettext
from web.language import translatable as _
from web.pages import policy

CARD = "card"
"""A card, which is entered into Stripe's Payment Element; the browser sends the payment method that it became."""
METHOD = "payment_method"
"""The field of the form in which it does."""
SANDBOX_CARDS = {
    "pm_card_visa": _("Visa ending in 4242: works"),
    "pm_card_threeDSecure2Required": _("Visa ending in 3220: the bank asks you to confirm (3-D Secure)"),
    "pm_card_chargeDeclined": _("Visa ending in 0002: is declined"),
    "pm_card_chargeDeclinedInsufficientFunds": _("Visa ending in 9995: has no money left"),
}
"""Test cards of Stripe's documentation. They are offered only while the shop uses the sandbox gateway."""
POLICY = policy(
    script_src="https://js.stripe.com https://*.js.stripe.com",
    frame_src="https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    connect_src="https://api.stripe.com",
)
"""What Stripe.js needs (docs.stripe.com/security/guide#content-security-policy)."""


def has_card_form() -> bool:
    """Whether cards are entered into Stripe's Payment Element."""
    return bool(settings.stripe_publishable_key)


def are_test_cards() -> bool:
    """Whether test cards can be chosen in its place."""
    return not settings.stripe_api_base and not has_card_form()


def payment_methods() -> dict[str, str]:
    """The ways to pay that the page offers, each with a label."""
    cards = {CARD: _("Card")} if has_card_form() else SANDBOX_CARDS if are_test_cards() else {}
    return cards | ({"paypal": _("PayPal")} if "paypal" in settings.payment_providers else {})


def default_method() -> str:
    """What is chosen at first. A card can be chosen once Stripe.js is there, which then chooses it."""
    return next((method for method in payment_methods() if method != CARD), "")


def read_payment(form: Form) -> Any:
    """The payment as a checkout's request has it; None, with an error in the form, if none can be made."""
    chosen = form.values.get("payment", "")
    if chosen not in payment_methods():
        form.errors["payment"] = gettext("Choose how you want to pay.")
        return None
    if chosen == "paypal":
        return {"provider": "paypal"}
    method = form.values.get(METHOD, "") if chosen == CARD else chosen
    if not re.fullmatch("pm_[A-Za-z0-9_]{1,100}", method):
        form.errors["payment"] = gettext("The card could not be read. Please enter it again, or pay in another way.")
        return None
    return {"provider": "stripe", "method": method}
