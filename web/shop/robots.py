"""What search engines ask for: robots.txt and the sitemap."""

import time
from collections.abc import Iterator
from functools import lru_cache

from flask import Response
from sqlalchemy import select

from api.http.auth import public
from models.catalogue import Category, Product
from models.core.database import single_statements
from web.blueprint import shop
from web.pages import canonical

MOST = 50_000  # addresses in one sitemap (sitemaps.org)
PRIVATE = ("/account", "/basket", "/checkout", "/orders/", "/sign-in", "/register", "/search/", "/v1/")
HOUR = "public, max-age=3600"


@shop.get("/robots.txt")
@public
def robots() -> Response:
    """What search engines leave out, and where the sitemap is."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE), f"Sitemap: {canonical('/sitemap.xml')}"]
    return Response("\n".join(lines) + "\n", mimetype="text/plain", headers={"Cache-Control": HOUR})


@shop.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """The addresses of the start page, the categories and the newest products, at most 50,000."""
    made = _sitemap(canonical(""), int(time.time() // 3600))
    return Response(made, mimetype="application/xml", headers={"Cache-Control": HOUR})


@lru_cache(maxsize=1)
def _sitemap(site: str, hour: int) -> str:
    """Made once an hour: it takes a hundred times as long as a page."""
    return "".join(_lines(site))


def _lines(site: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    with single_statements() as connection:
        categories = list(connection.scalars(select(Category.id).order_by(Category.id).limit(MOST // 2)))
        products = select(Product.id).where(Product.deleted_at.is_(None)).order_by(Product.id.desc())
        newest = list(connection.scalars(products.limit(MOST - len(categories) - 1)))
    for path in ("/", *(f"/products?category={one}" for one in categories), *(f"/products/{one}" for one in newest)):
        yield f"<url><loc>{site}{path}</loc></url>\n"
    yield "</urlset>\n"
