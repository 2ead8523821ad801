"""Products: the list with filters, the search with suggestions, and the page of one product."""

import json
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from flask import Response, request, url_for

from models.catalogue import search
from serving.catalogue import ProductQuery
from settings import settings
from web import access
from web.blueprint import shop
from web.language import translatable as _
from web.pages import canonical, render
from web.shop.home import Node, read_tree
from web.shop.listing import Found, read_products, search_products
from web.shop.structured_data import describe_path, describe_product, find_image
from web.shop.waiting import find_backorder

PAGE = 24  # products
SUGGESTIONS = 6
SORTS = {
    "": _("Best first"), "-created_at": _("Newest first"), "price": _("Price: low to high"),
    "-price": _("Price: high to low"), "title": _("Title: A to Z"),
}  # fmt: skip
FILTERS = ("q", "category", "author", "in_stock", "price_min", "price_max", "sort", "exact")
"""What an address may have; with `exact`, a search is not repeated with other spellings."""


@shop.get("/products")
@access.everybody
def products() -> Response:
    """The list of products. Filters, sorting and the place in the list are in the address."""
    asked = {name: value for name in FILTERS if (value := request.args.get(name, "").strip())}
    wanted = _query(asked)
    found = _find(wanted, is_exact="exact" in asked)
    tree = read_tree()
    path = _path(tree, asked.get("category", ""))
    spelled = {"q": found.spelled} if found.spelled else {}
    following = {**asked, **spelled, "cursor": found.cursor} if found.cursor else None
    return render(
        "shop/products.html", products=found.products, spelled=found.spelled, following=following, asked=asked,
        tree=tree, path=path, sorts=SORTS, is_first=not request.args.get("cursor"), is_valid=wanted is not None,
        canonical=_canonical(path, asked), breadcrumbs=describe_path(path),
    )  # fmt: skip


@shop.get("/search/suggestions")
@access.everybody
def suggestions() -> Response:
    """A part of the page: the first products that match what is being typed."""
    q = request.args.get("q", "").strip()[:200]
    found = search_products({"limit": SUGGESTIONS, "q": q, "group": True}) if len(q) > 1 else Found([])
    return render("shop/suggestions.html", products=found.products, spelled=found.spelled, q=q)


@shop.get('/products/<id("prd"):product_id>')
@access.everybody
def product(product_id: str) -> Response:
    """The page of a product."""
    shown, _ = search.read_product(product_id)
    found = json.loads(shown)
    tree = read_tree()
    path = _path(tree, found["category"]["id"])
    image = find_image(found)
    beyond = None if found["availability"]["in_stock"] else find_backorder(product_id)
    described = [describe_product(found, image, is_backordered=beyond is not None), describe_path(path, found["title"])]
    return render("shop/product.html", product=found, path=path, image=image, described=described, beyond=beyond)


def _canonical(path: list[Node], asked: dict[str, str]) -> str:
    """The list of a category, or of an author, is a page of its own; other filters change what is shown of it."""
    if path:
        return canonical(url_for("shop.products", category=path[-1].id))
    return canonical(url_for("shop.products", author=asked.get("author")))


def _find(wanted: dict[str, Any] | None, *, is_exact: bool) -> Found:
    if wanted is None:
        return Found([])
    return Found(*read_products(wanted)) if is_exact else search_products(wanted)


def _query(asked: dict[str, str]) -> dict[str, Any] | None:
    """The parameters of the list; None if a filter cannot match anything, such as a price that is no number."""
    given = {**asked, "limit": PAGE, "group": True}
    given.pop("exact", None)
    for name in ("price_min", "price_max"):
        if name in given:
            given[name] = _minor_units(asked[name])
    if cursor := request.args.get("cursor"):
        given["cursor"] = cursor
    if given.get("sort") not in SORTS:
        given.pop("sort", None)
    if ProductQuery().validate(given):
        return None
    return dict(ProductQuery().load(given))


def _minor_units(text: str) -> int | str:
    """What is typed as a price, in minor units; the text itself if it is no price."""
    try:
        amount = Decimal(text.replace(",", ".")).scaleb(get_currency_precision(settings.currency))
    except ArithmeticError:  # no number, or one with a huge exponent
        return text
    return int(amount) if amount.is_finite() and abs(amount) < 10**15 else text


def _path(tree: list[Node], category: str) -> list[Node]:
    """The categories from the root to the one with this id or name."""
    for node in tree:
        if category and category in (node.id, node.name):
            return [node]
        below = _path(node.below, category)
        if below:
            return [node, *below]
    return []
