"""Payment methods that Stripe.js creates from a card's number. docs.stripe.com/api/payment_methods/create"""

import time
from datetime import UTC, datetime

from sandbox.gateway import cards
from sandbox.gateway.errors import Answer, Refused, missing
from sandbox.gateway.ledger import Ledger, new_id
from sandbox.gateway.params import CardDetails, CreatePaymentMethod


def create(ledger: Ledger, params: CreatePaymentMethod) -> Answer:
    """Creates the payment method of a test card. Raises Refused with 402 for a card that cannot be charged."""
    card = params.card
    behaves_as = _check(card)
    identifier = new_id("pm")
    made = {
        "id": identifier,
        "object": "payment_method",
        "card": {
            "brand": "mastercard" if card.number.startswith("5") else "visa",
            "last4": card.number[-4:],
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
        },
        "created": int(time.time()),
        "customer": None,
        "livemode": False,
        "type": "card",
    }
    ledger.add(made | {"behaves_as": behaves_as}, identifier)
    return Answer(200, made)


def resolve(ledger: Ledger, identifier: str) -> str:
    """The test method of Stripe's documentation as which a payment method behaves. Raises Refused if it is unknown."""
    if cards.known(identifier):
        return identifier
    made = ledger.find("payment_method", identifier)
    if made is None:
        raise missing("PaymentMethod", identifier, "payment_method")
    return str(made["behaves_as"])


def _check(card: CardDetails) -> str:
    if not _is_number(card.number):
        raise _wrong("number", "incorrect_number", "Your card number is incorrect.")
    year = card.exp_year + 2000 if card.exp_year < 100 else card.exp_year
    now = datetime.now(UTC)
    if not 1 <= card.exp_month <= 12:
        raise _wrong("exp_month", "invalid_expiry_month", "Your card's expiration month is invalid.")
    if (year, card.exp_month) < (now.year, now.month):
        raise _wrong("exp_year", "invalid_expiry_year", "Your card's expiration year is invalid.")
    if not (card.cvc.isascii() and card.cvc.isdigit() and len(card.cvc) in (3, 4)):
        raise _wrong("cvc", "invalid_cvc", "Your card's security code is invalid.")
    if card.number not in cards.NUMBERS:
        text = "Your card was declined. Your request was in test mode, but used a non test card."
        raise Refused(402, "card_error", text, code="card_declined", decline_code="test_mode_live_card", param="")
    return cards.NUMBERS[card.number]


def _wrong(field: str, code: str, message: str) -> Refused:
    return Refused(402, "card_error", message, code=code, param=f"card[{field}]")


def _is_number(text: str) -> bool:
    """Whether the check digit is right (Luhn; ISO/IEC 7812-1)."""
    if not (text.isascii() and text.isdigit() and 12 <= len(text) <= 19):
        return False
    digits = [int(digit) for digit in reversed(text)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
