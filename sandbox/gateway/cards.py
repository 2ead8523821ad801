"""The test payment methods of Stripe's documentation (docs.stripe.com/testing) and their results.

Methods that begin with `pm_sandbox_` exist only in the sandbox: Stripe has no test method whose off-session payment
stays undecided.
"""

from dataclasses import dataclass

GOOD = frozenset(
    f"pm_card_{brand}"
    for brand in ("visa", "visa_debit", "mastercard", "mastercard_debit", "amex", "discover", "diners", "jcb")
)
AUTHENTICATION = (
    "pm_card_authenticationRequired", "pm_card_threeDSecureRequired", "pm_card_threeDSecure2Required",
)  # fmt: skip
"""Cards that require 3-D Secure. docs.stripe.com/testing#regulatory-cards, #three-ds-cards"""
CONFIRMED_AT_ONCE = "pm_sandbox_confirmsAtOnce"
"""Requires 3-D Secure, which the customer has completed when the shop asks for the first time."""
PENDING_REFUND, FAILING_REFUND = "pm_card_pendingRefund", "pm_card_refundFail"
"""A refund is pending and succeeds later; a refund succeeds and fails later."""
DISPUTES = {
    "pm_card_createDispute": "fraudulent",
    "pm_card_createDisputeProductNotReceived": "product_not_received",
    "pm_card_createDisputeInquiry": "fraudulent",
}
"""Methods whose captured charge is disputed later, each with the reason. The last one begins as an inquiry."""
INQUIRY = "pm_card_createDisputeInquiry"
NUMBERS = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000003220": "pm_card_threeDSecure2Required",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
}
"""Numbers of test cards, from which Stripe.js creates payment methods."""
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
    """Whether the payment method exists."""
    habits = (PENDING_REFUND, FAILING_REFUND, *UNDECIDED, *DISPUTES)
    return method in GOOD or method in habits or needs_authentication(method) or _name(method) in DECLINES


def needs_authentication(method: str) -> bool:
    """Whether the customer has to complete 3-D Secure."""
    return method in AUTHENTICATION or method == CONFIRMED_AT_ONCE


def undecided(method: str, off_session: bool) -> str | None:
    """The status of a payment that is not decided yet; None if the bank decides at once."""
    if needs_authentication(method):
        return None if off_session else "requires_action"
    return UNDECIDED.get(method)


def decline(method: str, off_session: bool) -> Decline | None:
    """Why the bank declines a known payment method; None if it approves."""
    if needs_authentication(method):
        return NOT_AUTHENTICATED if off_session else None
    return DECLINES.get(_name(method))


def _name(method: str) -> str:
    # Some of Stripe's names contain the brand and some do not. Both forms are accepted.
    return method.removeprefix("pm_card_").removeprefix("visa_")
