"""Lists of products. PostgreSQL builds their JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from marshmallow import fields, validate

from models import catalogue
from models.catalogue import search
from serving.bounds import invalid
from serving.fields import KIND_PATTERN, IdField
from serving.pages import PageQuery
from settings import settings


class ProductQuery(PageQuery):
    q = fields.String(
        validate=validate.Length(1, 200),
        metadata={
            "description": "Words, or prefixes of words, of title, author, category and description, in any order; "
            "a prefix of the SKU; or the id"
        },
    )
    category = fields.String(metadata={"description": "Id or name; includes subcategories"})
    author = fields.String(metadata={"description": "Id or name"})
    kind = fields.String(validate=KIND_PATTERN, metadata={"example": "book"})
    in_stock = fields.Boolean()
    group = fields.Boolean(metadata={"description": "Of the products of a group that match, only the first"})
    group_id = IdField("grp", metadata={"description": "Products of this group"})
    price_min = fields.Integer(
        validate=validate.Range(0, catalogue.MAX_PRICE), metadata={"description": "In minor units"}
    )
    price_max = fields.Integer(
        validate=validate.Range(0, catalogue.MAX_PRICE), metadata={"description": "In minor units"}
    )
    sort = fields.String(
        validate=validate.OneOf(tuple(search.SORTS)),
        metadata={"description": "Defaults to `relevance` with `q`, otherwise to newest first"},
    )


def parse_query(query: dict[str, Any]) -> search.ListQuery:
    """Parses a query. Raises Invalid for a cursor of another list, and for `sort=relevance` without `q`."""
    limit, cursor, sort = query.pop("limit"), query.pop("cursor"), query.pop("sort", None)
    grouped = query.pop("group", False)
    if sort is None:
        sort = "relevance" if "q" in query else "-created_at"
    elif sort == "relevance" and "q" not in query:
        raise invalid({"sort": ["relevance requires q"]})
    return search.ListQuery(sort, limit, query, _decode_cursor(cursor, sort) if cursor else None, grouped)


@cache
def _cursors(sort: str) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt=f"cursor:products:{sort}")


def _decode_cursor(cursor: str, sort: str) -> tuple[Any, ...]:
    """Decodes a cursor. Cursors are signed, so their contents can be trusted."""
    try:
        return tuple(_cursors(sort).loads(cursor))
    except BadData:
        raise invalid({"cursor": ["is not a cursor of this list with this sort order"]}) from None


@dataclass(frozen=True)
class ProductPage:
    """The JSON of each product of a page; `next_cursor` is None on the last page."""

    products: Sequence[str]
    next_cursor: str | None


def read_page(wanted: search.ListQuery) -> ProductPage:
    """A page of products."""
    found = search.list_products(wanted)
    shown = found[: wanted.limit]
    cursor = _cursors(wanted.sort).dumps(shown[-1].position) if len(found) > len(shown) else None
    return ProductPage([product.json for product in shown], str(cursor) if cursor is not None else None)
