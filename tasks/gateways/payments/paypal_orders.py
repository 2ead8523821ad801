"""PayPal's orders in the shop's words: amounts, whose order it is, and where it stands.

What the shop writes on an order: `custom_id` is `<order id>/<payment id>/<user id>`, followed by a mark once the order
is given up; `invoice_id` is the payment's id, of which PayPal takes money once; `reference_id` is the idempotency key,
which begins with the id of the run.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from models.core.numbers import parse_integer
from tasks.gateways.payments.provider import AuthorisationRequest, ProviderPayment, State

WITHOUT_DECIMALS = {"JPY": 0, "HUF": 2, "TWD": 2}
"""Currencies that PayPal has without decimals → the decimals that ISO 4217 and the shop have of them."""
CANCELLED, DECLINED = "/cancelled", "/declined:"
LONGEST_ID = 127
AUTHORISATION_STATES: dict[str, State] = {
    "CREATED": "authorised", "PENDING": "processing", "PARTIALLY_CAPTURED": "captured", "CAPTURED": "captured",
    "DENIED": "declined",
}  # fmt: skip
"""PayPal's word for an authorisation → ours, but for VOIDED, for which it matters when."""
TAKEN = ("COMPLETED", "PENDING", "PARTIALLY_REFUNDED", "REFUNDED")
RELEASABLE = ("CREATED", "PENDING", "PARTIALLY_CAPTURED")


class NotAnAmount(ValueError):
    """PayPal can't express the amount: it has no decimals of this currency."""


def to_money(amount: int, currency: str) -> dict[str, str]:
    """An amount in minor units (ISO 4217) as PayPal takes it: € 10.99 is "10.99", ¥ 1099 is "1099".

    Raises NotAnAmount for a fraction of a currency that PayPal has without decimals, as HUF.
    """
    if currency not in WITHOUT_DECIMALS:
        return {"currency_code": currency, "value": f"{amount // 100}.{amount % 100:02}"}
    whole, fraction = divmod(amount, 10 ** WITHOUT_DECIMALS[currency])
    if fraction:
        raise NotAnAmount(f"PayPal takes whole amounts of {currency} only.")
    return {"currency_code": currency, "value": str(whole)}


def from_money(money: dict[str, str]) -> int:
    """The opposite of `to_money`. Raises ValueError."""
    whole, _, fraction = money["value"].partition(".")
    decimals = WITHOUT_DECIMALS.get(money["currency_code"], 2)
    return parse_integer(whole + fraction.ljust(decimals, "0")[:decimals])


def order_body(request: AuthorisationRequest, attempt: str) -> dict[str, Any]:
    """What creates the order of an attempt. Raises NotAnAmount."""
    assert request.return_url is not None
    separator = "&" if "?" in request.return_url else "?"
    unit = {
        "reference_id": attempt,
        "custom_id": "/".join((request.order_id, request.payment_id or "", *filter(None, [request.user_id]))),
        "invoice_id": request.payment_id or request.order_id,
        "amount": to_money(request.amount, request.currency),
    }
    back = {
        "return_url": request.return_url,
        "cancel_url": f"{request.return_url}{separator}cancelled=true",
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    return {
        "intent": "AUTHORIZE",
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": back}},
    }


def change_mark(order: dict[str, Any], mark: str) -> list[dict[str, str]]:
    """The patch that marks an order so that nobody authorises it any more. A long mark takes the place of the user."""
    unit = _unit(order)
    whose = str(unit.get("custom_id", "")).removesuffix(mark)
    if len(whose + mark) > LONGEST_ID:
        whose = "/".join(whose.split("/")[:2])
    path = f"/purchase_units/@reference_id=='{unit['reference_id']}'/custom_id"
    return [{"op": "replace", "path": path, "value": (whose + mark)[:LONGEST_ID]}]


def is_given_up(order: dict[str, Any]) -> bool:
    """Whether the shop has marked it as cancelled."""
    return str(_unit(order).get("custom_id", "")).endswith(CANCELLED)


def approve_url(order: dict[str, Any]) -> str | None:
    """The page to which the customer must go, None if there is nothing to do there."""
    if order["status"] not in ("CREATED", "PAYER_ACTION_REQUIRED"):
        return None
    links = order.get("links", [])
    return next((str(link["href"]) for link in links if link["rel"] in ("payer-action", "approve")), None)


def authorisation(order: dict[str, Any]) -> dict[str, Any] | None:
    """The order's authorisation, the newest if there are several."""
    found = parts(order, "authorizations")
    return found[-1] if found else None


def parts(order: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """An order's `authorizations`, `captures` or `refunds`."""
    found: list[dict[str, Any]] = (_unit(order).get("payments") or {}).get(kind, [])
    return found


def whose(custom_id: str | None) -> tuple[str | None, str | None]:
    """Order id and payment id of a `custom_id`, None for what it does not name."""
    order_id, _, rest = (custom_id or "").partition("/")
    return order_id or None, rest.partition("/")[0] or None


def payment(order: dict[str, Any]) -> ProviderPayment:
    """The order as the shop sees it; its amounts in minor units."""
    unit, held = _unit(order), authorisation(order)
    order_id, payment_id = whose(unit.get("custom_id"))
    amount = from_money(unit["amount"])
    captured = _sum(part for part in parts(order, "captures") if part["status"] in TAKEN)
    state = _state(order, held, captured)
    return ProviderPayment(
        reference=order["id"],
        order_id=order_id,
        payment_id=payment_id,
        attempt=unit.get("reference_id"),
        state=state,
        decline_code=_decline_code(unit) if state == "declined" else None,
        currency=unit["amount"]["currency_code"],
        amount=amount,
        authorised=from_money(held["amount"]) - captured if held and held["status"] in RELEASABLE else 0,
        captured=captured,
        refunded=_sum(part for part in parts(order, "refunds") if part["status"] in ("COMPLETED", "PENDING")),
        created_at=datetime.fromisoformat(order["create_time"]).astimezone(UTC),
    )


def _state(order: dict[str, Any], held: dict[str, Any] | None, captured: int) -> State:
    if captured:
        return "captured"
    if held is None:
        mark = str(_unit(order).get("custom_id", ""))
        if DECLINED in mark:
            return "declined"
        return "cancelled" if mark.endswith(CANCELLED) or order["status"] == "VOIDED" else "requires_action"
    if held["status"] == "VOIDED":
        return "lapsed" if _time(held, "update_time") >= _time(held, "expiration_time") else "voided"
    return AUTHORISATION_STATES[held["status"]]


def _time(part: dict[str, Any], name: str) -> datetime:
    """A time of an authorisation. One that PayPal does not tell has never come."""
    fallback = {"update_time": datetime.min, "expiration_time": datetime.max}[name].replace(tzinfo=UTC)
    return datetime.fromisoformat(part[name]) if part.get(name) else fallback


def _decline_code(unit: dict[str, Any]) -> str:
    return str(unit.get("custom_id", "")).partition(DECLINED)[2] or "denied"


def _sum(made: Iterable[dict[str, Any]]) -> int:
    return sum(from_money(part["amount"]) for part in made)


def _unit(order: dict[str, Any]) -> dict[str, Any]:
    unit: dict[str, Any] = order["purchase_units"][0]
    return unit
