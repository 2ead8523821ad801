"""How values are written in a language: the filters of templates for money, numbers, dates and links."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, get_currency_precision

LOCALES = {"en": "en_GB"}
"""Language → the locale in which its readers expect dates, if it is not that of the language."""


class Link(NamedTuple):
    """A link that stands alone: a button in HTML, `label: url` in text."""

    url: str
    label: str


def filters(language: str) -> Mapping[str, Callable[..., Any]]:
    """The filters of a language, by name. They raise ValueError or TypeError for other values."""
    locale = Locale.parse(LOCALES.get(language, language))

    def money(amount: int, currency: str) -> str:
        """An amount in minor units: `{{ total | money: currency }}`."""
        exact = Decimal(int(amount)).scaleb(-get_currency_precision(currency))
        return str(format_currency(exact, currency, locale=locale))

    def number(value: float) -> str:
        return str(format_decimal(value, locale=locale))

    def date(at: datetime) -> str:
        return str(format_date(_utc(at), "long", locale=locale))

    def time(at: datetime) -> str:
        """The date and the time, in UTC."""
        return f"{format_date(_utc(at), 'long', locale=locale)}, {format_time(_utc(at), 'short', locale=locale)} UTC"

    return {"words": words, "money": money, "number": number, "date": date, "time": time, "link": link}


def words(name: str) -> str:
    """A name of a program in words: `needs_response` as `needs response`."""
    return str(name).replace("_", " ")


def link(url: str, label: str) -> Link:
    """`{{ url | link: "Choose a new password" }}`."""
    if not str(url).startswith(("https://", "http://")):
        raise ValueError("link needs a URL")
    return Link(str(url), str(label))


def _utc(at: datetime) -> datetime:
    if not isinstance(at, datetime):
        raise TypeError("this is not a time")
    return at.astimezone(UTC)
