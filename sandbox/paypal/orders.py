"""What can be done to an order: created, changed, approved by its customer, authorised.

developer.paypal.com/docs/api/orders/v2. Every function runs inside the ledger's transaction. It returns an answer that
counts, a decline too, or raises Refused before it has changed anything.
"""

import re
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.paypal.answers import Answer, error, invalid, missing, unprocessable
from sandbox.paypal.ledger import Ledger, new_id
from sandbox.paypal.money import units
from sandbox.paypal.params import CreateOrder, Decision, Patches

ORDER_LIFE = timedelta(hours=3)
VALID, HONOURED = timedelta(days=29), timedelta(days=3)
UNDECIDED = ("CREATED", "PAYER_ACTION_REQUIRED")
HOLDING = ("CREATED", "PENDING", "PARTIALLY_CAPTURED")
PATCHABLE = r"/purchase_units/@reference_id=='(?P<unit>.+)'/(?P<field>custom_id|invoice_id|description)"


def timestamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def create(ledger: Ledger, params: CreateOrder, base: str) -> Answer:
    """201 with the new order, which waits for its customer. `base`: the address at which the caller has asked."""
    unit = params.purchase_units[0]
    units(unit.amount.model_dump())
    identifier = new_id()
    back = params.payment_source.paypal.experience_context if params.payment_source else params.application_context
    order: dict[str, Any] = {
        "id": identifier,
        "intent": params.intent,
        "status": "PAYER_ACTION_REQUIRED" if params.payment_source else "CREATED",
        "create_time": timestamp(now()),
        "purchase_units": [{**unit.model_dump(exclude_none=True), "payments": {}}],
        "links": [
            {"href": f"{base}/v2/checkout/orders/{identifier}", "rel": "self", "method": "GET"},
            {"href": f"{base}/checkoutnow?token={identifier}", "method": "GET",
             "rel": "payer-action" if params.payment_source else "approve"},
        ],
        "_back": back.model_dump() if back else {},
    }  # fmt: skip
    ledger.add(order)
    return Answer(201, shown(order))


def shown(thing: dict[str, Any]) -> dict[str, Any]:
    """An order or a part of one as PayPal shows it: without the sandbox's own notes."""
    return {name: _shown(value) for name, value in thing.items() if not name.startswith("_") and value is not None}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return shown(value) if isinstance(value, dict) else value


def require(ledger: Ledger, identifier: str) -> dict[str, Any]:
    """The order, as it is by now. Raises Refused (404), also for one that nobody has authorised in time."""
    order = ledger.find(identifier)
    if order is None or has_expired(order):
        raise missing(identifier)
    lapse_if_due(ledger, order)
    return order


def has_expired(order: dict[str, Any]) -> bool:
    return order["status"] != "COMPLETED" and datetime.fromisoformat(order["create_time"]) + ORDER_LIFE <= now()


def lapse_if_due(ledger: Ledger, order: dict[str, Any]) -> None:
    """Voids an authorisation at the end of its 29 days, as PayPal does by itself."""
    for held in order["purchase_units"][0]["payments"].get("authorizations", []):
        if held["status"] in HOLDING and datetime.fromisoformat(held["expiration_time"]) <= now():
            held |= {"status": "VOIDED", "update_time": held["expiration_time"]}
            ledger.save(order)
            ledger.note(order["id"], "lapse", units(held["amount"]), "VOIDED", None)
            emit(ledger, "PAYMENT.AUTHORIZATION.VOIDED", "authorization", held)


def patch(ledger: Ledger, identifier: str, params: Patches) -> Answer:
    """204: changes what the caller has written on an order that is not completed."""
    order = require(ledger, identifier)
    if order["status"] == "COMPLETED":
        raise unprocessable("ORDER_ALREADY_COMPLETED", "The order cannot be patched after it is completed.")
    unit = order["purchase_units"][0]
    for change in params.patches:
        found = re.fullmatch(PATCHABLE, change.path)
        if not found or (change.op != "remove" and not change.value):
            raise invalid("FIELD_NOT_PATCHABLE", "Field cannot be patched.", change.path)
        if found["unit"] != unit["reference_id"]:
            raise unprocessable("REFERENCE_ID_NOT_FOUND", "Filter expression value is incorrect.", change.path)
        if len(change.value or "") > 127:
            raise invalid("INVALID_STRING_LENGTH", "The value of a field is too long.", change.path)
        if change.op == "remove":
            unit.pop(found["field"], None)
        else:
            unit[found["field"]] = change.value
    ledger.save(order)
    return Answer(204, None)


def decide(ledger: Ledger, identifier: str, decision: Decision) -> str:
    """What the customer does on the approve page; returns where they are sent then.

    Who fails or gives up changes nothing at PayPal: the order goes on waiting. Raises Refused for an order that does
    not wait.
    """
    order = require(ledger, identifier)
    if order["status"] not in UNDECIDED:
        raise unprocessable("ORDER_ALREADY_COMPLETED", "The order does not wait for its customer.")
    back = order["_back"]
    if decision.result == "failed":
        return _with(back.get("cancel_url"), token=identifier)
    payer = token_hex(6).upper() + "X"
    order |= {"status": "APPROVED", "_funding": decision.funding, "payer": {"payer_id": payer}}
    ledger.save(order)
    ledger.note(identifier, "approve", units(order["purchase_units"][0]["amount"]), "APPROVED", None)
    emit(ledger, "CHECKOUT.ORDER.APPROVED", "checkout-order", order)
    return _with(back.get("return_url"), token=identifier, PayerID=payer)


def authorise(ledger: Ledger, identifier: str, request_id: str | None) -> Answer:
    """201 with the order and its authorisation, or 422 INSTRUMENT_DECLINED, which counts as an answer."""
    order = ledger.find(identifier)
    if order is None:
        raise missing(identifier)
    if order["intent"] != "AUTHORIZE":
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT", "Order was created with an intent to 'CAPTURE'.")
    if order["status"] == "COMPLETED":
        raise unprocessable("ORDER_ALREADY_AUTHORIZED", "Order already authorized.")
    if has_expired(order):
        raise unprocessable("ORDER_EXPIRED", "Order has expired and cannot be processed.")
    if order["status"] != "APPROVED":
        raise unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.")
    unit = order["purchase_units"][0]
    if "invoice_id" in unit and any(_counts(other) for other in ledger.orders(unit["invoice_id"])):
        raise unprocessable("DUPLICATE_INVOICE_ID", "Duplicate Invoice ID detected.")
    amount = units(unit["amount"])
    if order["_funding"] == "declined":
        ledger.note(identifier, "authorise", amount, "DENIED", request_id)
        detail = "The instrument presented was either declined by the processor or bank."
        return error(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED", detail)
    held = _authorization(order, "PENDING" if order["_funding"] == "reviewed" else "CREATED")
    unit["payments"] = {"authorizations": [held]}
    order["status"] = "COMPLETED"
    ledger.name(held["id"], "authorization", identifier)
    ledger.save(order)
    ledger.note(identifier, "authorise", amount, held["status"], request_id)
    emit(ledger, "PAYMENT.AUTHORIZATION.CREATED", "authorization", held)
    return Answer(201, shown(order))


def age(ledger: Ledger, identifier: str, hours: float) -> Answer:
    """204: makes an order, its authorisation and the answers that are kept about it older."""
    order = require(ledger, identifier)
    back = timedelta(hours=hours)
    order["create_time"] = timestamp(datetime.fromisoformat(order["create_time"]) - back)
    for held in order["purchase_units"][0]["payments"].get("authorizations", []):
        for name in ("create_time", "expiration_time", "update_time"):
            held[name] = timestamp(datetime.fromisoformat(held[name]) - back)
    ledger.forget_sooner(identifier, back.total_seconds())
    ledger.save(order)
    lapse_if_due(ledger, order)
    return Answer(204, None)


def emit(ledger: Ledger, kind: str, what: str, resource: dict[str, Any]) -> None:
    ledger.emit(
        {
            "id": f"WH-{new_id()}-{new_id()}",
            "event_version": "1.0",
            "create_time": timestamp(now()),
            "resource_type": what,
            "resource_version": "2.0",
            "event_type": kind,
            "summary": kind.replace(".", " ").lower(),
            "resource": shown(resource),
        }
    )


def _authorization(order: dict[str, Any], status: str) -> dict[str, Any]:
    unit, when = order["purchase_units"][0], now()
    ours = {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    return {
        "id": new_id(), "status": status, "amount": unit["amount"], **ours,
        "create_time": timestamp(when), "update_time": timestamp(when), "expiration_time": timestamp(when + VALID),
        "supplementary_data": {"related_ids": {"order_id": order["id"]}},
    }  # fmt: skip


def _counts(order: dict[str, Any]) -> bool:
    """Whether PayPal has a transaction under the order's invoice id."""
    return bool(order["purchase_units"][0]["payments"].get("authorizations"))


def _with(url: str | None, **query: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}" if url else "/"
