"""The names and numbers of refusals, in every language. Of the API's sentence, which is English, they are a part."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from durable import Refusal
from models import catalogue, inventory
from models.core.database import transaction
from settings import settings
from web.language import gettext, money, ngettext

SHOWN = 10
"""Products that a sentence names at most."""
Extra = Mapping[str, Any]


def describe_numbers(error: Refusal, name_of: Callable[[str], str]) -> str:
    """A sentence with what a refusal is about and how much there is; empty: it has none. `name_of`: of a status."""
    extra = error.extra
    if error.code == "wrong_state":
        return _states(extra, name_of)
    if error.code in WRITE:
        return WRITE[error.code](extra)
    limit = extra.get("limit")
    return gettext("The limit is %(n)s.") % {"n": limit} if isinstance(limit, int) else ""


def _states(extra: Extra, name_of: Callable[[str], str]) -> str:
    named = {"now": name_of(extra["current"]), "possible": ", ".join(map(name_of, extra["possible"]))}
    if not extra["possible"]:
        return gettext("It is %(now)s, which is final.") % named
    return gettext("It is %(now)s, and can become: %(possible)s.") % named


def _short(extra: Extra) -> str:
    """What is available, of a product or of each."""
    if "lines" in extra:
        return _products(extra["lines"], gettext("%(available)s of %(requested)s"))
    return _available(extra)


def _products(lines: Sequence[Extra], how_many: str) -> str:
    """`Emma (EMMA): 3 of 5; …`."""
    titles = _titles(lines)
    known = [line for line in lines if line["product_id"] in titles]
    named = [f"{titles[line['product_id']]}: {how_many % line}" for line in known[:SHOWN]]
    return "; ".join(named) + ("; …" if len(known) > SHOWN else ".") if named else ""


def _titles(lines: Sequence[Extra]) -> dict[str, str]:
    product = catalogue.Product
    wanted = [line["product_id"] for line in lines]
    with transaction() as session:
        found = session.execute(select(product.id, product.title, product.sku).where(product.id.in_(wanted)))
        return {row.id: f"{row.title} ({row.sku})" for row in found}


def _left(extra: Extra) -> str:
    """What can be packed in each warehouse."""
    with transaction() as session:
        names = {one.id: one.name for one in session.scalars(inventory.select_warehouses())}
    lines = [{**line, "warehouse": names[line["warehouse_id"]]} for line in extra["left"]]
    return _products(lines, gettext("%(quantity)s in %(warehouse)s"))


def _available(extra: Extra) -> str:
    n = extra["available"]
    return ngettext("%(n)d unit is available.", "%(n)d units are available.", n) % {"n": n}


def _room(extra: Extra) -> str:
    n = extra["remaining"]
    return ngettext("There is room for %(n)d unit.", "There is room for %(n)d units.", n) % {"n": n}


def _amount(extra: Extra) -> str:
    return gettext("At most %(amount)s.") % {"amount": money(extra["available"], settings.currency)}


def _wait(extra: Extra) -> str:
    n = extra["retry_after"]
    return ngettext("You can try again in %(n)d second.", "You can try again in %(n)d seconds.", n) % {"n": n}


def _used(extra: Extra) -> str:
    """How many products and categories use something."""
    counted = []
    if n := extra.get("products"):
        counted.append(ngettext("%(n)d product", "%(n)d products", n) % {"n": n})
    if n := extra.get("categories"):
        counted.append(ngettext("%(n)d category", "%(n)d categories", n) % {"n": n})
    return f"({', '.join(counted)})" if counted else ""


def _columns(extra: Extra) -> str:
    """Which columns a file lacks, and which it has besides."""
    said = ((gettext("Missing columns: %(names)s."), "missing"), (gettext("Unknown columns: %(names)s."), "unknown"))
    return " ".join(words % {"names": ", ".join(extra[name])} for words, name in said if extra.get(name))


def _users(extra: Extra) -> str:
    n = extra["users"]
    return ngettext("%(n)d user has it.", "%(n)d users have it.", n) % {"n": n}


WRITE: dict[str, Callable[[Extra], str]] = {
    "amount_too_large": _amount,
    "attribute_in_use": lambda extra: f"({', '.join(extra['attributes'])})",
    "author_in_use": _used,
    "below_reserved": _available,
    "capacity_exceeded": _room,
    "category_in_use": _used,
    "exchange_too_expensive": _amount,
    "insufficient_stock": _short,
    "kind_in_use": _used,
    "more_than_ordered": lambda extra: _products(extra["lines"], gettext("%(outstanding)s outstanding")),
    "more_than_sent": lambda extra: _products(extra["lines"], gettext("%(sent)s sent")),
    "no_sender_address": lambda extra: f"({extra['warehouse']})",
    "not_a_catalogue": _columns,
    "nothing_to_cancel": lambda extra: _products(extra["open"], "%(quantity)s"),
    "nothing_to_return": lambda extra: _products(extra["returnable"], "%(quantity)s"),
    "nothing_to_ship": _left,
    "role_in_use": _users,
    "too_many_requests": _wait,
}
"""Code → how its names and numbers are written."""
