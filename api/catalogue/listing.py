"""Product responses. PostgreSQL builds the JSON; this module passes it on unparsed."""

from hashlib import blake2b

from flask import Response

from api.http.pagination import mark_page
from models.catalogue import search
from serving.catalogue import read_page


def render_page(wanted: search.ListQuery) -> Response:
    """A page of products, as the schema `ProductPage` describes it."""
    mark_page()
    found = read_page(wanted)
    has_more = found.next_cursor is not None
    cursor = f'"{found.next_cursor}"' if has_more else "null"
    rows = ", ".join(found.products)
    body = f'{{"data": [{rows}], "has_more": {"true" if has_more else "false"}, "next_cursor": {cursor}}}'
    return json_response(body, blake2b(body.encode(), digest_size=12).hexdigest())


def json_response(body: str, version: str) -> Response:
    """A JSON response with an ETag. Caches may store it, but must revalidate."""
    return Response(body, headers={"ETag": f'"{version}"', "Cache-Control": "no-cache"}, mimetype="application/json")
