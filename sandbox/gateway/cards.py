"""The test payment methods of Stripe's documentation (docs.stripe.com/testing) and what becomes of each.

Stripe has none for a payment that nobody has decided yet, although the customer is not there to confirm it. Those
that begin with `pm_sandbox_` are the sandbox's own.
"""

from dataclasses import dataclass

GOOD = frozenset(
    f"pm_card_{brand}"
    for brand in ("visa", "visa_debit", "mastercard", "mastercard_debit", "amex", "discover", "diners", "jcb")
)
AUTHENTICATION = "pm_card_authenticationRequired"
UNDECIDED = {"pm_sandbox_requiresAction": "requires_action", "pm_sandbox_processing": "processing"}


@dataclass(frozen=True)
class Decline:
    code: str
    decline_code: str
    message: str


DECLINED = "Your card was declined."
DECLINES = {
    "chargeDeclined": Decline("card_declined", "generic_decline", DECLINED),
    "chargeDeclinedInsufficientFunds": Decline(
        "card_declined", "insufficient_funds", "Your card has insufficient funds."
    ),
    "chargeDeclinedLostCard": Decline("card_declined", "lost_card", DECLINED),
    "chargeDeclinedStolenCard": Decline("card_declined", "stolen_card", DECLINED),
    "chargeDeclinedVelocityLimitExceeded": Decline(
        "card_declined",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    "chargeDeclinedExpiredCard": Decline("expired_card", "expired_card", "Your card has expired."),
    "chargeDeclinedIncorrectCvc": Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    "chargeDeclinedProcessingError": Decline(
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
}
NOT_AUTHENTICATED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

FAILED_AUTHENTICATION = {
    "code": "payment_intent_authentication_failure",
    "message": "The provided payment method has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again.",
    "type": "card_error",
}


def known(method: str) -> bool:
    return method in GOOD or method in UNDECIDED or method == AUTHENTICATION or _name(method) in DECLINES


def undecided(method: str, off_session: bool) -> str | None:
    """The status of a payment that waits for somebody, or None if the bank has decided."""
    if method == AUTHENTICATION:
        return None if off_session else "requires_action"
    return UNDECIDED.get(method)


def decline(method: str, off_session: bool) -> Decline | None:
    """Why the bank says no to a known payment method, or None if it says yes."""
    if method == AUTHENTICATION:
        return NOT_AUTHENTICATED if off_session else None
    return DECLINES.get(_name(method))


def _name(method: str) -> str:
    # Stripe spells some of these names with the brand and some without; both are understood here.
    return method.removeprefix("pm_card_").removeprefix("visa_")
