"""Stripe's payment intents in the shop's words."""

from datetime import UTC, datetime

import stripe

from tasks.gateways.payments.provider import ProviderPayment, State

LAPSED = ("automatic", "expired")  # why Stripe itself cancels what nobody has captured
STATES: dict[str, State] = {
    "requires_confirmation": "requires_action", "requires_action": "requires_action", "processing": "processing",
    "requires_capture": "authorised", "succeeded": "captured", "requires_payment_method": "declined",
}  # fmt: skip
"""Stripe's word → ours, but for `canceled`, for which it matters why."""


def read_payment(intent: stripe.PaymentIntent) -> ProviderPayment:
    """A payment, from an intent with its latest charge expanded."""
    charge = intent.latest_charge if isinstance(intent.latest_charge, stripe.Charge) else None
    about = intent.metadata.to_dict()
    return ProviderPayment(
        reference=intent.id,
        order_id=about.get("order_id"),
        payment_id=about.get("payment_id"),
        attempt=about.get("attempt"),
        state=_state(intent, was_held=charge is not None and charge.status == "succeeded"),
        decline_code=read_decline_code(intent),
        currency=intent.currency.upper(),
        amount=intent.amount,
        authorised=intent.amount_capturable,
        captured=intent.amount_received,
        refunded=charge.amount_refunded if charge else 0,
        created_at=datetime.fromtimestamp(intent.created, UTC),
    )


def _state(intent: stripe.PaymentIntent, *, was_held: bool) -> State:
    if intent.status != "canceled":
        return STATES[intent.status]
    if not was_held:
        return "cancelled"
    return "lapsed" if intent.cancellation_reason in LAPSED else "voided"


def read_decline_code(intent: stripe.PaymentIntent) -> str | None:
    """Why the last attempt was declined; None if none was."""
    if intent.last_payment_error is None:
        return None
    error = intent.last_payment_error.to_dict()  # which has only the members that Stripe has sent
    return error.get("decline_code") or error.get("code") or "card_declined"
