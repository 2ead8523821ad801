"""Operations on payment intents: authorise, authenticate, capture, cancel.

docs.stripe.com/api/payment_intents, docs.stripe.com/payments/3d-secure.

Every function runs inside a transaction of the ledger. It returns a response to be stored, which may be a decline, or
raises Refused before it has changed anything.
"""

import time
from typing import Any

from sandbox.gateway import cards, payment_methods
from sandbox.gateway.errors import Answer, error, invalid, missing
from sandbox.gateway.ledger import Ledger, new_id
from sandbox.gateway.params import Cancel, Capture, CreateIntent

CANCELABLE = ("requires_payment_method", "requires_capture", "requires_action", "processing")


def create(ledger: Ledger, params: CreateIntent, key: str | None, bank: str) -> Answer:
    """Creates and confirms an intent: 200 with the intent, or 402 with the reason of the decline and the intent.

    `bank`: base URL of the pages on which customers authenticate. Raises Refused for an unknown payment method.
    """
    method = payment_methods.resolve(ledger, params.payment_method)
    off_session = params.off_session == "true"
    intent = _intent(params)
    ledger.add(intent, intent["id"])
    if undecided := cards.undecided(method, off_session):
        intent |= {"status": undecided}
        ledger.note(intent["id"], "authorise", params.amount, undecided, key)
        if undecided == "requires_action":
            intent |= {"next_action": _next_action(intent["id"], params.return_url, bank)}
            ledger.emit("payment_intent.requires_action", intent, key)
        ledger.save(intent)
        return Answer(200, intent)
    return _ask_bank(ledger, intent, cards.decline(method, off_session), key)


def retrieve(ledger: Ledger, identifier: str) -> dict[str, Any]:
    """The intent. Raises Refused."""
    intent = require(ledger, identifier)
    if intent["payment_method"] == cards.CONFIRMED_AT_ONCE and intent["status"] == "requires_action":
        with ledger.transaction():
            authenticate(ledger, identifier, success=True)
        intent = require(ledger, identifier)
    return intent


def authenticate(ledger: Ledger, identifier: str, *, success: bool) -> Answer:
    """Completes or fails the authentication of an intent that requires it."""
    intent = require(ledger, identifier)
    if intent["status"] != "requires_action":
        return _unexpected(intent, "authenticated", ("requires_action",))
    intent["next_action"] = None
    if success:
        return _ask_bank(ledger, intent, None, None)
    _fail(ledger, intent, cards.FAILED_AUTHENTICATION, None)
    return Answer(200, intent)


def _next_action(identifier: str, return_url: str | None, bank: str) -> dict[str, Any]:
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    redirect = {"return_url": return_url, "url": f"{bank}/{identifier}"}
    return {"type": "redirect_to_url", "redirect_to_url": redirect}


def _ask_bank(ledger: Ledger, intent: dict[str, Any], decline: cards.Decline | None, key: str | None) -> Answer:
    charge = _charge(intent, decline)
    ledger.add(charge, intent["id"])
    intent["latest_charge"] = charge["id"]
    if decline:
        return _declined(ledger, intent, charge, decline, key)
    amount = intent["amount"]
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": amount}
        event = "payment_intent.amount_capturable_updated"
    else:
        intent |= {"status": "succeeded", "amount_received": amount}
        event = "payment_intent.succeeded"
    ledger.save(intent)
    ledger.note(intent["id"], "authorise", amount, "succeeded", key)
    if intent["status"] == "succeeded":
        ledger.note(intent["id"], "capture", amount, "succeeded", key)
    ledger.emit(event, intent, key)
    return Answer(200, intent)


def capture(ledger: Ledger, identifier: str, params: Capture, key: str | None) -> Answer:
    """Captures the authorised amount or a part of it. The rest is released.

    Raises Refused if the amount is larger than the authorised one.
    """
    intent = require(ledger, identifier)
    if intent["status"] != "requires_capture":
        return _unexpected(intent, "captured", ("requires_capture",))
    amount = params.amount_to_capture or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        raise invalid(
            f"The payment could not be captured because the requested capture amount ({amount}) is greater "
            f"than the amount you can capture ({intent['amount_capturable']}) for this charge.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    charge = latest_charge(ledger, intent)
    charge |= {"captured": True, "amount_captured": amount}
    ledger.save(intent)
    ledger.save(charge)
    ledger.note(identifier, "capture", amount, "succeeded", key)
    ledger.emit("payment_intent.succeeded", intent, key)
    if intent["payment_method"] in cards.DISPUTES:
        ledger.do_later(charge["id"])
    return Answer(200, intent)


def cancel(ledger: Ledger, identifier: str, params: Cancel, key: str | None) -> Answer:
    """Cancels an intent and releases the authorised amount."""
    intent = require(ledger, identifier)
    if intent["status"] not in CANCELABLE:
        return _unexpected(intent, "canceled", CANCELABLE)
    return _release(ledger, intent, "cancel", params.cancellation_reason, key)


def lapse(ledger: Ledger, identifier: str) -> Answer:
    """Expires an authorisation now. With Stripe it expires after some days without a capture."""
    intent = require(ledger, identifier)
    if intent["status"] != "requires_capture":
        return _unexpected(intent, "lapsed", ("requires_capture",))
    return _release(ledger, intent, "lapse", "automatic", None)


def require(ledger: Ledger, identifier: str) -> dict[str, Any]:
    """The intent with this id. Raises Refused with 404 if it does not exist."""
    intent = ledger.find("payment_intent", identifier)
    if not intent:
        raise missing("payment_intent", identifier, "intent", status=404)
    return intent


def expand(ledger: Ledger, intent: dict[str, Any]) -> dict[str, Any]:
    """The intent with its charge instead of the charge's id."""
    return intent | {"latest_charge": latest_charge(ledger, intent) if intent["latest_charge"] else None}


def _release(ledger: Ledger, intent: dict[str, Any], kind: str, reason: str | None, key: str | None) -> Answer:
    released = intent["amount_capturable"]
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": int(time.time()),
        "cancellation_reason": reason,
        "next_action": None,
    }
    ledger.save(intent)
    ledger.note(intent["id"], kind, released, "succeeded", key)
    ledger.emit("payment_intent.canceled", intent, key)
    return Answer(200, intent)


def latest_charge(ledger: Ledger, intent: dict[str, Any]) -> dict[str, Any]:
    """The charge of an intent that the bank has approved."""
    charge = ledger.find("charge", intent["latest_charge"])
    assert charge, "an intent and its charge are stored in one transaction"
    return charge


def _declined(
    ledger: Ledger, intent: dict[str, Any], charge: dict[str, Any], decline: cards.Decline, key: str | None
) -> Answer:
    reason = {
        "charge": charge["id"],
        "code": decline.code,
        "decline_code": decline.decline_code,
        "message": decline.message,
        "type": "card_error",
    }
    _fail(ledger, intent, reason, key)
    return Answer(402, {"error": reason | {"payment_intent": intent}})


def _fail(ledger: Ledger, intent: dict[str, Any], reason: dict[str, Any], key: str | None) -> None:
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": reason}
    ledger.save(intent)
    ledger.note(intent["id"], "authorise", intent["amount"], "declined", key)
    ledger.emit("payment_intent.payment_failed", intent, key)


def _unexpected(intent: dict[str, Any], done: str, allowed: tuple[str, ...]) -> Answer:
    return error(
        400,
        "invalid_request_error",
        f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. Only a "
        f"PaymentIntent with one of the following statuses may be {done}: {', '.join(allowed)}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


def _intent(params: CreateIntent) -> dict[str, Any]:
    identifier = new_id("pi")
    return {
        "id": identifier,
        "object": "payment_intent",
        "amount": params.amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.capture_method,
        "client_secret": f"{identifier}_secret_{new_id('s')[2:]}",
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": params.currency,
        "customer": None,
        "description": params.description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": params.metadata,
        "next_action": None,
        "payment_method": params.payment_method,
        "payment_method_types": params.allowed_payment_method_types,
        "status": "requires_confirmation",
    }


def _charge(intent: dict[str, Any], decline: cards.Decline | None) -> dict[str, Any]:
    captured = not decline and intent["capture_method"] != "manual"
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured else 0,
        "amount_refunded": 0,
        "captured": captured,
        "created": intent["created"],
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "livemode": False,
        "metadata": intent["metadata"],
        "paid": not decline,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "refunded": False,
        "status": "failed" if decline else "succeeded",
    }
