"""Product responses. PostgreSQL builds the JSON; this module passes it on unparsed."""

from functools import cache
from hashlib import blake2b
from typing import Any

from flask import Response
from itsdangerous import BadData, URLSafeSerializer

from api.http.errors import invalid
from models.catalogue import search
from settings import settings


def parse_query(query: dict[str, Any]) -> search.ListQuery:
    """Parses a query. Raises Invalid for a cursor of another list, and for `sort=relevance` without `q`."""
    limit, cursor, sort = query.pop("limit"), query.pop("cursor"), query.pop("sort", None)
    grouped = query.pop("group", False)
    if sort is None:
        sort = "relevance" if "q" in query else "-created_at"
    elif sort == "relevance" and "q" not in query:
        raise invalid({"sort": ["relevance requires q"]})
    return search.ListQuery(sort, limit, query, _decode_cursor(cursor, sort) if cursor else None, grouped)


def render_page(wanted: search.ListQuery) -> Response:
    """A page of products, as the schema `ProductPage` describes it."""
    found = search.list_products(wanted)
    shown = found[: wanted.limit]
    has_more = len(found) > len(shown)
    cursor = f'"{_cursors(wanted.sort).dumps(shown[-1].position)}"' if has_more else "null"
    rows = ", ".join(product.json for product in shown)
    body = f'{{"data": [{rows}], "has_more": {"true" if has_more else "false"}, "next_cursor": {cursor}}}'
    return json_response(body, blake2b(body.encode(), digest_size=12).hexdigest())


def json_response(body: str, version: str) -> Response:
    """A JSON response with an ETag. Caches may store it, but must revalidate."""
    return Response(body, headers={"ETag": f'"{version}"', "Cache-Control": "no-cache"}, mimetype="application/json")


@cache
def _cursors(sort: str) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt=f"cursor:products:{sort}")


def _decode_cursor(cursor: str, sort: str) -> tuple[Any, ...]:
    """Decodes a cursor. Cursors are signed, so their contents can be trusted."""
    try:
        return tuple(_cursors(sort).loads(cursor))
    except BadData:
        raise invalid({"cursor": ["is not a cursor of this list with this sort order"]}) from None
