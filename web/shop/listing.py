"""Lists of products, as templates show them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from models.catalogue import search, spelling
from serving.catalogue import parse_query, read_page

MOST_TRIED = 5
"""Other spellings of a search that are tried; most of the time the first one has hits."""
NOT_FILTERS = {"q", "limit", "cursor", "sort", "group"}


@dataclass(frozen=True)
class Found:
    """A page of products, the cursor of the next one, and the spelling that was searched instead of what was asked."""

    products: list[dict[str, Any]]
    cursor: str | None = None
    spelled: str = ""


def read_products(wanted: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """The products for the parameters of `GET /v1/products`, and the cursor of the next page.

    Raises Invalid for a cursor of another list.
    """
    page = read_page(parse_query({"cursor": None, **wanted}))
    return [json.loads(product) for product in page.products], page.next_cursor


def read_shown(product_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Id → the product with its first picture, also if it is no longer sold."""
    products = [json.loads(product) for product in search.read_products(product_ids)]
    return {product["id"]: product for product in products}


def search_products(wanted: Mapping[str, Any]) -> Found:
    """As `read_products`; a search without hits is repeated with other spellings (`models/catalogue/spelling.py`).

    It is not if only the filters are the reason. Raises Invalid for a cursor of another list.
    """
    products, cursor = read_products(wanted)
    q = wanted.get("q", "")
    if products or not q or wanted.get("cursor"):
        return Found(products, cursor)
    if wanted.keys() - NOT_FILTERS and read_products({"q": q, "limit": 1})[0]:
        return Found([])
    for spelled in islice(spelling.suggest(q), MOST_TRIED):
        products, cursor = read_products({**wanted, "q": spelled})
        if products:
            return Found(products, cursor, spelled)
    return Found([])
