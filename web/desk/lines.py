"""Lines of products that are put together before they are sent: found by title, SKU or barcode, one after another.

The form carries them, so nothing is stored until it is sent: `product` is repeated, and `quantity-<product>` and
`cost-<product>` belong to it. The address may prefill them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from models import catalogue
from models.core.errors import Invalid
from serving.catalogue import ProductQuery, parse_query, read_page
from serving.reservations import MAX_LINES
from web.desk.sending import whole
from web.forms import is_id
from web.language import gettext

FOUND = 8
"""Products that a search offers."""
LONGEST = 200


@dataclass(frozen=True)
class Line:
    """A product that was chosen, with the fields as they were filled in."""

    product_id: str
    sku: str
    title: str
    quantity: str
    cost: str


@dataclass(frozen=True)
class Draft:
    """The lines so far, and what the last search has found. `q`: what was searched; `said`: what became of it."""

    lines: Sequence[Line]
    found: Sequence[tuple[str, str, str]] = ()
    q: str = ""
    said: str = ""


def read_draft(session: Session) -> Draft:
    """The lines that the form or the address has, after its button: find, add or remove."""
    given = request.values
    chosen = list(dict.fromkeys(one for one in given.getlist("product") if is_id("prd", one)))[:MAX_LINES]
    quantities = {one: given.get(f"quantity-{one}", "1")[:12] for one in chosen}
    found: Sequence[tuple[str, str, str]] = ()
    q, said = given.get("q", "").strip()[:LONGEST], ""
    if (removed := given.get("remove", "")) in quantities:
        del quantities[removed]
        q = ""
    elif is_id("prd", added := given.get("add", "")):
        _add(quantities, added)
        q = ""
    elif q:
        exact = _exactly(session, q)
        if len(exact) == 1:
            _add(quantities, exact[0][0])
            q = ""
        else:
            found = exact or _search(q)
            said = "" if found else gettext("No product matches.")
    return Draft(_lines(session, quantities), found, q, said)


def products_of() -> list[str]:
    """The ids of the products of the form. Raises Invalid without any, and if a search was not finished."""
    if request.form.get("q", "").strip():
        raise Invalid(gettext("A product was entered and not added. Add it, or empty the field."))
    chosen = list(dict.fromkeys(one for one in request.form.getlist("product") if is_id("prd", one)))
    if not chosen:
        raise Invalid(gettext("Add at least one product."))
    return chosen


def quantities_of() -> list[dict[str, object]]:
    """The lines of the form as the API takes them, without costs. Raises Invalid without any."""
    return [{"product_id": one, "quantity": whole(request.form.get(f"quantity-{one}", ""))} for one in products_of()]


def by_product(lines: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Product → units, of the lines that a schema of the API has loaded."""
    return {line["product_id"]: line["quantity"] for line in lines}


def _add(quantities: dict[str, str], product_id: str) -> None:
    """A product that is scanned again counts once more."""
    if product_id not in quantities and len(quantities) >= MAX_LINES:
        return
    before = quantities.get(product_id, "0")
    quantities[product_id] = str(int(before) + 1) if before.isascii() and before.isdigit() else before


def _exactly(session: Session, code: str) -> Sequence[tuple[str, str, str]]:
    """Products with this SKU or barcode: id, SKU and title."""
    known = catalogue.identify(session, skus=[code]) or catalogue.identify(session, barcodes=[code])
    return [(one.product_id, one.sku, one.title) for one in known]


def _search(q: str) -> Sequence[tuple[str, str, str]]:
    wanted = parse_query(dict(ProductQuery().load({"q": q, "limit": FOUND})))
    found = [json.loads(product) for product in read_page(wanted).products]
    return [(one["id"], one["sku"], one["title"]) for one in found]


def _lines(session: Session, quantities: dict[str, str]) -> Sequence[Line]:
    known = {one.product_id: one for one in catalogue.identify(session, ids=quantities)} if quantities else {}
    return [
        Line(one, known[one].sku, known[one].title, quantities[one], request.values.get(f"cost-{one}", "")[:20])
        for one in quantities if one in known
    ]  # fmt: skip
