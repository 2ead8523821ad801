"""Lists of products and single ones as they are sent: JSON that PostgreSQL has written is passed on as it is."""

from functools import cache
from hashlib import blake2b
from typing import Any

from flask import Response
from itsdangerous import BadData, URLSafeSerializer

from api.http.errors import invalid
from models.catalogue import search
from settings import settings


def wanted_page(query: dict[str, Any]) -> search.Wanted:
    """What a query asks for. Raises Invalid for a cursor of another list, and for a relevance to nothing."""
    limit, cursor, sort = query.pop("limit"), query.pop("cursor"), query.pop("sort", None)
    if sort is None:
        sort = "relevance" if "q" in query else "-created_at"
    elif sort == "relevance" and "q" not in query:
        raise invalid({"sort": ["relevance needs q: to what?"]})
    return search.Wanted(sort, limit, query, _place(cursor, sort) if cursor else None)


def as_page(wanted: search.Wanted) -> Response:
    """A page of products, as the schema `ProductPage` describes it."""
    found = search.list_products(wanted)
    shown = found[: wanted.limit]
    has_more = len(found) > len(shown)
    cursor = f'"{_cursors(wanted.sort).dumps(shown[-1].place)}"' if has_more else "null"
    rows = ", ".join(product.json for product in shown)
    body = f'{{"data": [{rows}], "has_more": {"true" if has_more else "false"}, "next_cursor": {cursor}}}'
    return as_json(body, blake2b(body.encode(), digest_size=12).hexdigest())


def as_json(body: str, version: str) -> Response:
    """JSON with its ETag. A cache may keep it, and must ask again."""
    return Response(body, headers={"ETag": f'"{version}"', "Cache-Control": "no-cache"}, mimetype="application/json")


@cache
def _cursors(sort: str) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt=f"cursor:products:{sort}")


def _place(cursor: str, sort: str) -> tuple[Any, ...]:
    """What the cursor holds. It is signed, so that what it holds is what we once wrote."""
    try:
        return tuple(_cursors(sort).loads(cursor))
    except BadData:
        raise invalid({"cursor": ["is not a cursor of this list in this order"]}) from None
