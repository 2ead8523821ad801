"""PayPal's amounts: decimal strings with a currency (developer.paypal.com/api/rest/reference/currency-codes)."""

import re
from typing import Any

from sandbox.paypal.answers import unprocessable

WITHOUT_DECIMALS = ("HUF", "JPY", "TWD")
CURRENCIES = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
)  # fmt: skip


def units(money: dict[str, Any]) -> int:
    """An amount in the smallest unit that PayPal has of its currency. Raises Refused for what is not one."""
    currency, value = money["currency_code"], money["value"]
    if currency not in CURRENCIES:
        raise unprocessable("INVALID_CURRENCY_CODE", f"Currency code is invalid or is not supported: {currency}.")
    if not re.fullmatch(r"\d{1,10}(\.\d+)?", value):
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.", "value")
    whole, _, fraction = value.partition(".")
    if currency in WITHOUT_DECIMALS:
        if fraction:
            raise unprocessable("DECIMALS_NOT_SUPPORTED", "Currency does not support decimals.", "value")
        found = int(whole)
    else:
        if len(fraction) > 2:
            raise unprocessable("DECIMAL_PRECISION", "If the currency supports decimals, two are allowed.", "value")
        found = int(whole) * 100 + int(fraction.ljust(2, "0"))
    if not found:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.", "value")
    return found


def money(amount: int, currency: str) -> dict[str, str]:
    """The opposite of `units`."""
    value = str(amount) if currency in WITHOUT_DECIMALS else f"{amount // 100}.{amount % 100:02}"
    return {"currency_code": currency, "value": value}
