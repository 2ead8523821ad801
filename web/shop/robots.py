"""What search engines ask for: robots.txt and the sitemap."""

import time
from functools import lru_cache

from flask import Response
from sqlalchemy import func, select

from api.http.auth import public
from models.catalogue import Category, Product
from models.core.database import single_statements
from models.core.errors import NotFound
from web.blueprint import shop
from web.pages import canonical

MOST = 50_000  # addresses in one sitemap (sitemaps.org)
PRIVATE = ("/account", "/basket", "/checkout", "/orders/", "/sign-in", "/register", "/search/", "/v1/")
HOUR = "public, max-age=3600"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


@shop.get("/robots.txt")
@public
def robots() -> Response:
    """What search engines leave out, and where the sitemap is."""
    left_out = (f"Disallow: {path}" for path in PRIVATE)
    lines = ["User-agent: *", *left_out, "Allow: /v1/pictures/", f"Sitemap: {canonical('/sitemap.xml')}"]
    return Response("\n".join(lines) + "\n", mimetype="text/plain", headers={"Cache-Control": HOUR})


@shop.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """The addresses of the start page, the categories and the products; if they are too many, the parts that have
    them."""
    return _xml(_start(canonical(""), _hour()))


@shop.get("/sitemap-<int:number>.xml")
@public
def sitemap_part(number: int) -> Response:
    """A part of the sitemap: 0 has the start page and the categories, the others 50,000 products each."""
    if number > len(_parts()) - 1:
        raise NotFound("The sitemap has no such part.")
    return _xml(_part(canonical(""), number, _hour()))


def _hour() -> int:
    """Maps are made once an hour: one takes a hundred times as long as a page."""
    return int(time.time() // 3600)


@lru_cache(maxsize=1)
def _start(site: str, hour: int) -> str:
    parts = _parts()
    if sum(parts) <= MOST:
        return _urlset(site, [*_fixed(), *_products(0)])
    entries = (f"<sitemap><loc>{site}/sitemap-{number}.xml</loc></sitemap>\n" for number in range(len(parts)))
    return f"{XML}<sitemapindex {NAMESPACE}>\n{''.join(entries)}</sitemapindex>\n"


@lru_cache(maxsize=4)
def _part(site: str, number: int, hour: int) -> str:
    return _urlset(site, _products((number - 1) * MOST) if number else _fixed())


def _parts() -> list[int]:
    """The number of addresses of each part."""
    on_sale = select(func.count()).select_from(Product).where(Product.deleted_at.is_(None))
    with single_statements() as connection:
        products = connection.scalars(on_sale).one()
    sizes = [min(MOST, products - begin) for begin in range(0, products, MOST)]
    return [len(_fixed()), *sizes]


def _fixed() -> list[str]:
    with single_statements() as connection:
        categories = connection.scalars(select(Category.id).order_by(Category.id).limit(MOST - 2))
        return ["/", "/categories", *(f"/products?category={one}" for one in categories)]


def _products(begin: int) -> list[str]:
    """Oldest first, so that a new one changes the last part only."""
    listed = select(Product.id).where(Product.deleted_at.is_(None)).order_by(Product.id).offset(begin).limit(MOST)
    with single_statements() as connection:
        return [f"/products/{one}" for one in connection.scalars(listed)]


def _urlset(site: str, paths: list[str]) -> str:
    lines = "".join(f"<url><loc>{site}{path}</loc></url>\n" for path in paths)
    return f"{XML}<urlset {NAMESPACE}>\n{lines}</urlset>\n"


def _xml(made: str) -> Response:
    return Response(made, mimetype="application/xml", headers={"Cache-Control": HOUR})
