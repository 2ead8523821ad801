"""What can be done to an authorisation and to captured money: capture, void, refund.

developer.paypal.com/docs/api/payments/v2. Every function runs inside the ledger's transaction. It returns an answer
that counts, or raises Refused before it has changed anything.
"""

from datetime import datetime
from typing import Any

from sandbox.paypal.answers import Answer, error, missing, unprocessable
from sandbox.paypal.ledger import Ledger, new_id
from sandbox.paypal.money import money, units
from sandbox.paypal.orders import HOLDING, HONOURED, emit, lapse_if_due, now, shown, timestamp
from sandbox.paypal.params import Capture, Refund

MAX_CAPTURES = 10


def find(ledger: Ledger, kind: str, identifier: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An authorisation, capture or refund, and its order. Raises Refused (404)."""
    order = ledger.order_of(identifier, kind)
    if order is None:
        raise missing(identifier)
    lapse_if_due(ledger, order)
    return next(part for part in _parts(order, kind) if part["id"] == identifier), order


def capture(ledger: Ledger, identifier: str, params: Capture, request_id: str | None) -> tuple[Answer, str]:
    """Takes the authorised money or a part of it. With `final_capture` the rest is released."""
    held, order = find(ledger, "authorization", identifier)
    taken = sum(units(part["amount"]) for part in _parts(order, "capture"))
    currency, authorised = held["amount"]["currency_code"], units(held["amount"])
    _refuse_capture(held, len(_parts(order, "capture")))
    if params.amount and params.amount.currency_code != currency:
        raise unprocessable("AUTH_CAPTURE_CURRENCY_MISMATCH", "Currency must match that of the authorization.")
    amount = units(params.amount.model_dump()) if params.amount else authorised - taken
    if taken + amount > authorised:
        raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit.")
    made = _part(order, amount, currency, invoice_id=params.invoice_id or held.get("invoice_id"))
    made |= {"status": "COMPLETED", "final_capture": params.final_capture, "custom_id": held.get("custom_id")}
    made["supplementary_data"]["related_ids"]["authorization_id"] = identifier
    honoured = datetime.fromisoformat(held["create_time"]) + HONOURED
    if order["_funding"] == "drained" and honoured < now():
        emit(ledger, "PAYMENT.CAPTURE.DENIED", "capture", {**made, "status": "DECLINED"})
        ledger.note(order["id"], "capture", amount, "DECLINED", request_id)
        detail = "The instrument presented was either declined by the processor or bank."
        return error(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED", detail), order["id"]
    done = params.final_capture or taken + amount == authorised
    held |= {"status": "CAPTURED" if done else "PARTIALLY_CAPTURED", "update_time": timestamp(now())}
    _add(ledger, order, "capture", made, request_id)
    emit(ledger, "PAYMENT.CAPTURE.COMPLETED", "capture", made)
    return Answer(201, shown(made)), order["id"]


def _refuse_capture(held: dict[str, Any], captures: int) -> None:
    match held["status"]:
        case "CAPTURED":
            raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured.")
        case "VOIDED" if held["update_time"] >= held["expiration_time"]:
            raise unprocessable("AUTHORIZATION_EXPIRED", "Authorization has expired.")
        case "VOIDED":
            raise unprocessable("AUTHORIZATION_VOIDED", "Authorization has been voided and cannot be captured.")
        case "PENDING":
            raise unprocessable("TRANSACTION_REFUSED", "PayPal's internal controls prevent this authorization.")
    if captures >= MAX_CAPTURES:
        raise unprocessable("MAX_CAPTURE_COUNT_EXCEEDED", "Maximum number of allowable captures has been reached.")


def void(ledger: Ledger, identifier: str, request_id: str | None) -> tuple[Answer, str]:
    """204: releases what was not captured."""
    held, order = find(ledger, "authorization", identifier)
    if held["status"] == "VOIDED":
        raise unprocessable("PREVIOUSLY_VOIDED", "Authorization has been previously voided.")
    if held["status"] == "CAPTURED":
        raise unprocessable("PREVIOUSLY_CAPTURED", "Authorization has been previously captured.")
    if held["status"] not in HOLDING:
        raise unprocessable("CANNOT_BE_VOIDED", "The authorization is not in a state in which it can be voided.")
    held |= {"status": "VOIDED", "update_time": timestamp(now())}
    ledger.save(order)
    ledger.note(order["id"], "void", units(held["amount"]), "VOIDED", request_id)
    emit(ledger, "PAYMENT.AUTHORIZATION.VOIDED", "authorization", held)
    return Answer(204, None), order["id"]


def refund(ledger: Ledger, identifier: str, params: Refund, request_id: str | None) -> tuple[Answer, str]:
    """Gives captured money back, all that is left or a part."""
    taken, order = find(ledger, "capture", identifier)
    currency, left = taken["amount"]["currency_code"], units(taken["amount"]) - _given(order, identifier)
    if not left:
        raise unprocessable("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded.")
    if params.amount and params.amount.currency_code != currency:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "Refund must be in the same currency as the capture.")
    amount = units(params.amount.model_dump()) if params.amount else left
    if amount > left:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", "The refund amount must be at most what is left to refund.")
    made = _part(order, amount, currency, invoice_id=params.invoice_id)
    made |= {"status": "COMPLETED", "custom_id": params.custom_id or taken.get("custom_id"), "_capture": identifier}
    if order["_funding"] == "echeck":
        made |= {"status": "PENDING", "status_details": {"reason": "ECHECK"}}
    _add(ledger, order, "refund", made, request_id)
    _settle(ledger, order, taken, made)
    return Answer(201, shown(made)), order["id"]


def end_refund(ledger: Ledger, identifier: str, status: str) -> Answer:
    """Ends a refund that is pending, as the customer's bank does after days. Raises Refused if it is not."""
    made, order = find(ledger, "refund", identifier)
    if made["status"] != "PENDING":
        raise unprocessable("REFUND_STATE_INVALID", "The refund is not pending.")
    made |= {"status": status, "update_time": timestamp(now())}
    taken = next(part for part in _parts(order, "capture") if part["id"] == made["_capture"])
    ledger.note(order["id"], "refund", units(made["amount"]), status, None)
    _settle(ledger, order, taken, made)
    return Answer(200, shown(made))


def _settle(ledger: Ledger, order: dict[str, Any], taken: dict[str, Any], made: dict[str, Any]) -> None:
    """Gives a capture the status that follows from its refunds, and reports the refund."""
    given = _given(order, taken["id"])
    status = "REFUNDED" if given == units(taken["amount"]) else "PARTIALLY_REFUNDED" if given else "COMPLETED"
    taken |= {"status": status, "update_time": timestamp(now())}
    ledger.save(order)
    ended = made["status"] == "COMPLETED"
    emit(ledger, "PAYMENT.CAPTURE.REFUNDED" if ended else f"PAYMENT.REFUND.{made['status']}", "refund", made)


def _given(order: dict[str, Any], capture: str) -> int:
    """What was refunded of a capture, or is on its way."""
    refunds = (part for part in _parts(order, "refund") if part["_capture"] == capture)
    return sum(units(part["amount"]) for part in refunds if part["status"] != "FAILED")


def figures(order: dict[str, Any]) -> dict[str, int]:
    """What was authorised, captured and refunded, in the smallest unit of the order's currency."""
    kinds = {"authorised": "authorization", "captured": "capture", "refunded": "refund"}
    return {
        name: sum(units(part["amount"]) for part in _parts(order, kind) if part["status"] != "FAILED")
        for name, kind in kinds.items()
    }


def entry(order: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """An order as the book shows it. Its amounts are in the smallest unit that PayPal has of the currency."""
    unit = order["purchase_units"][0]
    ours = {name: unit.get(name) for name in ("reference_id", "custom_id", "invoice_id")}
    money = {"currency": unit["amount"]["currency_code"], "value": unit["amount"]["value"]}
    said = {"id": order["id"], "status": order["status"], "created": order["create_time"]}
    return {**said, **ours, **money, **figures(order), "operations": operations}


def _parts(order: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = order["purchase_units"][0]["payments"].get(f"{kind}s", [])
    return found


def _part(order: dict[str, Any], amount: int, currency: str, *, invoice_id: str | None) -> dict[str, Any]:
    when = timestamp(now())
    return {
        "id": new_id(), "amount": money(amount, currency), "invoice_id": invoice_id, "create_time": when,
        "update_time": when, "supplementary_data": {"related_ids": {"order_id": order["id"]}},
    }  # fmt: skip


def _add(ledger: Ledger, order: dict[str, Any], kind: str, made: dict[str, Any], request_id: str | None) -> None:
    order["purchase_units"][0]["payments"].setdefault(f"{kind}s", []).append(made)
    ledger.name(made["id"], kind, order["id"])
    ledger.save(order)
    ledger.note(order["id"], kind, units(made["amount"]), made["status"], request_id)
