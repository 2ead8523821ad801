"""Languages of the pages: which one, its texts, and how it writes money and dates.

Texts are English in the source. The files of `translations/<language>/` have them in another language; they are
read when they are first needed.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, get_currency_precision
from flask import g, has_request_context, request

from web import cookies

LANGUAGES = {"en": "English", "de": "Deutsch"}
LOCALES = {"en": "en_GB", "de": "de_DE"}
"""Language → the locale in which its readers expect money and dates."""
COOKIE = "language"


def language() -> str:
    """The language of this page: that of the cookie, or the first one of Accept-Language that there is, or English."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        chosen = cookies.read(COOKIE)
        preferred = [value.partition("-")[0].lower() for value in request.accept_languages.values()]
        g.language = next((each for each in (chosen, *preferred) if each in LANGUAGES), "en")
    found: str = g.language
    return found


def gettext(text: str) -> str:
    """The text in the language of this page."""
    return _translations(language()).gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """The text for this number in the language of this page."""
    return _translations(language()).ngettext(one, many, number)


def translatable(text: str) -> str:
    """Marks a text that is translated when it is shown."""
    return text


def money(amount: int, currency: str) -> str:
    """An amount in minor units."""
    exact = Decimal(amount).scaleb(-get_currency_precision(currency))
    return str(format_currency(exact, currency, locale=_locale()))


def day(at: datetime | date) -> str:
    """A date: 3 December 2026."""
    return str(format_date(at, "long", locale=_locale()))


def moment(at: datetime) -> str:
    """A date and a time in UTC: 3 Dec 2026, 14:05; 03.12.2026, 14:05. A line breaks only between the two."""
    written = "dd.MM.y, HH:mm" if _locale().language == "de" else "d\N{NO-BREAK SPACE}MMM\N{NO-BREAK SPACE}y, HH:mm"
    return str(format_datetime(at, written, locale=_locale()))


def country_name(code: str) -> str:
    """The name of a country by its ISO code; other texts unchanged."""
    return str(_locale().territories.get(code, code))


def countries() -> list[tuple[str, str]]:
    """Code and name of every country, by name."""
    return _countries(language())


@cache
def _countries(language: str) -> list[tuple[str, str]]:
    named = Locale.parse(LOCALES[language]).territories.items()
    real = [(code, name) for code, name in named if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES]
    return sorted(real, key=lambda pair: pair[1])


NOT_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}


def locale_name() -> str:
    """The locale of this page: de_DE."""
    return LOCALES[language()]


def _locale() -> Locale:
    return _parsed(language())


@cache
def _parsed(language: str) -> Locale:
    return Locale.parse(LOCALES[language])


@cache
def _translations(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    found = NullTranslations()
    for file in sorted(files("web").joinpath("translations", language).iterdir(), key=lambda file: file.name):
        made = BytesIO()
        with file.open("rb") as source:
            write_mo(made, read_po(source, locale=language))
        made.seek(0)
        read = GNUTranslations(made)
        read.add_fallback(found)
        found = read
    return found
